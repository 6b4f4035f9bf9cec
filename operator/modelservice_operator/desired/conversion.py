"""The Job that makes an ONNX file of a Keras file or a SavedModel, once.

    acquire (brings the file) ─▶ convert (knows TensorFlow) ─▶ publish (uploads the result)

They share a volume and nothing else: what loads the user's model has no Secret mounted.
"""

from __future__ import annotations

import json
from typing import Any

from modelservice_operator.api import Model, Source, Trust, names
from modelservice_operator.api.locations import claim_of
from modelservice_operator.desired import batch, child_names, pods
from modelservice_operator.desired.child import Child, Manifest, Owner
from modelservice_operator.desired.model_set import CREDENTIALS, secret_of
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.runs import output
from modelservice_operator.desired.sealing import sealing, with_policy

CONVERT = "convert"
# In their order; the last one tells the result, each why it failed.
CONTAINERS = ("acquire", CONVERT, "publish")
WORK = "/work"


def conversion(
    model: Model,
    *,
    owner: Owner,
    run: str,
    name: str,
    trust: Trust | None,
    storage: str,
    suspended: bool,
    finished: bool,
    platform: Platform,
) -> Child:
    """The Job of one conversion; `storage` is the room for the file and what is made of it."""
    assert model.source is not None
    seal = sealing(model.source, trust=trust)
    secret = secret_of(model.source, platform=platform)
    own = platform.storage.secret_name
    brings = {name for name in (secret, own, *(seal.secrets if seal else ())) if name is not None}
    claims = [claim] if (claim := claim_of(model.source.uri)) is not None else []
    document = json.dumps(
        conversion_document(model, owner=owner, run=run, trust=trust, platform=platform),
        sort_keys=True,
    )
    acquire, convert, publish = (
        _container(step, document=document, storage=storage, secrets=secrets, claims=some,
                   platform=platform)
        for step, secrets, some in zip(
            CONTAINERS, (sorted(brings), [], [own]), (claims, [], []), strict=True
        )
    )  # fmt: skip
    pod = batch.pod(
        publish,
        before=[acquire, convert],
        volumes=[
            pods.scratch(name="work", size=storage),
            pods.scratch(name="tmp", size="1Gi"),
            *pods.credential_volumes(brings),
            *pods.claim_volumes(claims),
        ],
        platform=platform,
    )
    job = batch.job(
        owner=owner,
        name=name,
        component=names.COMPONENT_CONVERSION,
        pod=pod,
        model=child_names.label_value(model.name),
    )
    return batch.of_run(job, suspended=suspended, finished=finished)


def conversion_document(
    model: Model, *, owner: Owner, run: str, trust: Trust | None, platform: Platform
) -> dict[str, Any]:
    """The input of its three programs (`MODELSERVICE_CONVERSION`)."""
    assert model.source is not None
    head = {
        "apiVersion": names.RUNTIME_API_VERSION,
        "service": {"namespace": owner.namespace, "name": owner.name},
        "model": model.name,
        "run": run,
        "source": _source(model.source, trust=trust, platform=platform),
        "output": output(owner=owner, model=model.name, run=run, platform=platform),
        "network": {"allowedNetworks": list(platform.allowed_networks)},
    }
    return with_policy(head, platform=platform)


def _source(source: Source, *, trust: Trust | None, platform: Platform) -> dict[str, Any]:
    """As an entry of the wanted-models document has it."""
    secret = secret_of(source, platform=platform)
    seal = sealing(source, trust=trust)
    return {
        "uri": source.uri,
        "digest": f"sha256:{source.sha256}" if source.sha256 else None,
        "stated": source.sha256 is not None,
        "credentials": f"{CREDENTIALS}/{secret}" if secret is not None else "",
        **({"format": source.format} if source.format is not None else {}),
        **(seal.document(mounts=CREDENTIALS) if seal is not None else {}),
    }


def _container(
    step: str,
    *,
    document: str,
    storage: str,
    secrets: list[str],
    claims: list[str],
    platform: Platform,
) -> Manifest:
    converts = step == CONVERT
    mounts = {"work": WORK, "tmp": "/tmp"}  # noqa: S108
    mounts |= pods.credential_mounts(secrets) | pods.claim_mounts(claims)
    return pods.container(
        name=step,
        image=platform.images.converter if converts else platform.images.agent,
        command=[f"modelservice-{step}"],
        resources=pods.resources("converter" if converts else "check", platform=platform),
        mounts=mounts,
        read_only=mounts.keys() - {"work", "tmp"},
        platform=platform,
        env={
            "MODELSERVICE_CONVERSION": document,
            **({} if converts else pods.source_environment(platform)),
            **({} if converts else pods.room_environment(storage)),
            **({} if converts else {"MODELSERVICE_PATIENCE": batch.PATIENCE}),
        },
    )
