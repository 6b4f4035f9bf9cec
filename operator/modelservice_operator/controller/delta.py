"""What to write so that the live children become the wanted ones. Pure.

Stands between plan and execute. A child is right when the fields that we own are exactly the
fields that we want (see `view.Observed`); then nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelservice_operator.api import names
from modelservice_operator.canonical import digest
from modelservice_operator.desired.child import Child, Manifest
from modelservice_operator.view import Observed


@dataclass(frozen=True, slots=True)
class Apply:
    """One write. `exists` and `uid` say what the store knew of the object."""

    manifest: Manifest
    stage: int
    mode: Literal["apply", "create"]
    exists: bool
    uid: str | None


@dataclass(frozen=True, slots=True)
class Delete:
    """One deletion; with a `version`, only of the object as it was when that was decided."""

    kind: str
    name: str
    namespace: str
    uid: str
    version: str | None = None
    propagation: str = "Background"


@dataclass(frozen=True, slots=True)
class Change:
    applies: tuple[Apply, ...] = ()
    deletes: tuple[Delete, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether it makes objects that are not there."""
        return any(not apply.exists for apply in self.applies)

    def __bool__(self) -> bool:
        return bool(self.applies or self.deletes)


def delta(
    wanted: Iterable[Child],
    *,
    live: Mapping[tuple[str, str], Observed],
    namespace: str,
    surplus: Iterable[Manifest] = (),
) -> Change:
    """The smallest change. Deletions come last and only touch what `live` holds (our children) and
    `surplus`: ModelVersions that are not kept."""
    applies: list[Apply] = []
    kept: set[tuple[str, str]] = set()
    for child in wanted:
        key = (child.kind, child.name)
        kept.add(key)
        observed = live.get(key)
        if observed is not None and observed.deleting:
            continue  # its name is taken until it is gone; that event brings us back
        apply = _missing(child) if observed is None else _drifted(child, observed=observed)
        if apply is not None:
            applies.append(apply)
    deletes = [
        Delete(
            kind=item.kind,
            name=item.name,
            namespace=namespace,
            uid=item.uid,
            # Pods that became ready meanwhile may be all that serves.
            version=item.resource_version if item.kind == "Deployment" else None,
        )
        for key, item in sorted(live.items())
        if key not in kept and not item.deleting
    ]
    deletes += [_gone(version) for version in surplus]
    applies.sort(key=lambda apply: apply.stage)
    return Change(applies=tuple(applies), deletes=tuple(deletes))


def wanted_fields(manifest: Manifest) -> Manifest:
    """A manifest without what names it: comparable with `Observed.owned`."""
    body = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
    body["metadata"] = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in {"name", "namespace", "uid"}
    }
    if not body["metadata"]:
        del body["metadata"]
    return body


def _gone(version: Manifest) -> Delete:
    metadata = version["metadata"]
    return Delete(
        kind=names.KIND_VERSION,
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
    )


def _missing(child: Child) -> Apply:
    return Apply(
        manifest=child.manifest, stage=child.stage, mode=child.mode, exists=False, uid=None
    )


def _drifted(child: Child, *, observed: Observed) -> Apply | None:
    if child.mode == "create":
        if child.mutable is None or _contains(observed.owned, part=wanted_fields(child.mutable)):
            return None
        manifest = child.mutable
    else:
        wanted = wanted_fields(child.manifest)
        if observed.owned == wanted or _accepted(observed, wanted=wanted):
            return None
        manifest = child.manifest
    return Apply(manifest=manifest, stage=child.stage, mode="apply", exists=True, uid=observed.uid)


def _accepted(observed: Observed, *, wanted: Manifest) -> bool:
    # A mutating webhook changed what we applied: that answer was recorded, and is not fought.
    return observed.accepted == (digest(wanted), digest(observed.owned))


def _contains(whole: Any, *, part: Any) -> bool:
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and _contains(whole[key], part=value) for key, value in part.items()
        )
    return bool(whole == part)
