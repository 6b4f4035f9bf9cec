"""From the spec to the models that a revision would serve, and to the revision's name.

A source becomes an entry as it stands, and so does an ensemble; a training, a source that is
converted and a reference to the registry become one once a version exists. Entries are pinned to
digests before they make a revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from modelservice_operator.api import Artifact, Model, ModelService, Source
from modelservice_operator.canonical import digest
from modelservice_operator.desired.lookup import Missing
from modelservice_operator.desired.model_set import ModelEntry, secret_of
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.runs import Run
from modelservice_operator.desired.sealing import Sealing, sealing
from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.view import Manifest

# A version of this format says all of itself.
_PLAIN: Final = "ONNX"


def entries_of(
    service: ModelService,
    *,
    runs: Sequence[Run],
    found: Mapping[str, Manifest | Missing],
    platform: Platform,
) -> tuple[tuple[ModelEntry, ...], tuple[str, ...]]:
    """The models that a revision would serve; none while one of them does not exist yet.

    `found` is what was looked up in the registry, by model.
    """
    by_name = {run.model.name: run for run in runs}
    entries, waiting = [], []
    for model in service.spec.models:
        if model.file is not None:
            secret = secret_of(model.file, platform=platform)
            stated = f"sha256:{model.file.sha256}" if model.file.sha256 else None
            entries.append(
                ModelEntry(
                    spec=model,
                    version=1,
                    uri=model.file.uri,
                    digest=stated,
                    secret=secret,
                    said=_said_of(model.file),
                    sealing=sealing(model.file, trust=service.spec.trust),
                )
            )
            continue
        if model.ensemble is not None:
            entries.append(ModelEntry(spec=model, version=1))
            continue
        if model.version_ref is not None:
            version = found[model.name]
            if isinstance(version, Missing):
                waiting.append(model.name)
            else:
                entries.append(
                    _registered(model, version=version, service=service, platform=platform)
                )
            continue
        made = by_name[model.name].serving
        if made is None:
            waiting.append(model.name)
            continue
        artifact = made["spec"]["artifact"]
        entries.append(
            ModelEntry(
                spec=model,
                version=int(made["spec"]["version"]),
                uri=artifact["uri"],
                digest=artifact["digest"],
                secret=platform.storage.secret_name,
                inputs=tuple(made["spec"].get("inputs", ())) or None,
                outputs=tuple(made["spec"].get("outputs", ())) or None,
                sealing=_sealing(made, service=service),
            )
        )
    return ((), tuple(waiting)) if waiting else (tuple(entries), ())


def _sealing(version: Manifest, *, service: ModelService) -> Sealing | None:
    return sealing(
        Artifact.model_validate(version["spec"]["artifact"], extra="ignore"),
        trust=service.spec.trust,
    )


def _registered(
    model: Model, *, version: Manifest, service: ModelService, platform: Platform
) -> ModelEntry:
    """A version of the registry; its tensors are read from the file where it states none."""
    assert model.version_ref is not None
    spec, metadata = version["spec"], version["metadata"]
    tensors: dict[str, Any] = {
        side: tuple(spec[side]) for side in ("inputs", "outputs") if spec.get(side)
    }
    return ModelEntry(
        spec=model,
        version=int(spec["version"]),
        uri=spec["artifact"]["uri"],
        digest=spec["artifact"]["digest"],
        secret=secret_of(model.version_ref, platform=platform),
        version_ref={key: metadata[key] for key in ("namespace", "name")},
        said={} if spec["format"] == _PLAIN else {"format": spec["format"], **_lists(tensors)},
        **tensors,
        sealing=_sealing(version, service=service),
    )


def _said_of(source: Source) -> dict[str, Any]:
    said = {"format": source.format, "recipe": source.recipe}
    return {key: value for key, value in said.items() if value is not None}


def _lists(tensors: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    return {side: [dict(tensor) for tensor in found] for side, found in tensors.items()}


def pinned(
    entries: Sequence[ModelEntry],
    *,
    service: ModelService,
    live: Iterable[Revision],
    told: Iterable[Mapping[str, Any]],
) -> tuple[ModelEntry, ...]:
    """The entries with their digests; empty while one is unknown. `told` is what a check found.

    A revision that exists already answers for its own digests. A new one looks at its sources
    again: the bytes behind a URI may be others than when an older revision was made.
    """
    for revision in live:
        known = _fill(entries, found=revision.models)
        if known and revision_hash(service, entries=known) == revision.hash:
            return known
    return _fill(entries, found=told)


def _fill(
    entries: Sequence[ModelEntry], *, found: Iterable[Mapping[str, Any]]
) -> tuple[ModelEntry, ...]:
    by_name = {item.get("name"): item for item in found}
    filled = []
    for entry in entries:
        seen = by_name.get(entry.name, {})
        has_bytes = entry.uri is not None
        found_digest = seen.get("digest") if has_bytes else None
        chosen = entry.digest or found_digest
        if chosen is None and has_bytes:
            return ()
        known: dict[str, Any] = {"digest": chosen}
        if chosen == found_digest:
            known["pin"] = seen.get("pin")
            if seen.get("format") and has_bytes:
                known["format"] = seen["format"]
            for side in ("inputs", "outputs"):
                if seen.get(side):
                    known[side] = tuple(seen[side])
            known |= {"signer": seen.get("signer"), "verified_at": seen.get("verifiedAt")}
        filled.append(replace(entry, **known))
    return tuple(filled)


def revision_hash(service: ModelService, *, entries: Sequence[ModelEntry]) -> str:
    """Over all that a pod's behaviour depends on and that the user decides; nothing else."""
    spec = service.spec
    serving = spec.serving.model_dump(
        mode="json",
        by_alias=True,
        exclude_defaults=True,
        exclude={"replicas", "progress_deadline"},
    )
    gpu = spec.gpu.model_dump(mode="json", by_alias=True) if spec.gpu else None
    identity = {"models": [entry.identity() for entry in entries], "gpu": gpu, "serving": serving}
    return digest(identity)
