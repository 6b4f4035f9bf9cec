"""The models of a service, resolved: which bytes of which version a revision would serve.

An entry is *pinned* once its digest is known: stated in the spec, recorded by an earlier revision,
told by a check Job, or kept in a ModelVersion. Only pinned sets become revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import InstanceGroup, Model, Source, duration, names
from modelservice_operator.desired.platform import Platform

CREDENTIALS = "/etc/modelservice/credentials"

Tensors = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a revision; `digest` is None while nobody has seen its bytes."""

    spec: Model
    version: int
    uri: str
    digest: str | None
    secret: str
    # the model's own tensors, where they are known
    inputs: Tensors | None = None
    outputs: Tensors | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    def identity(self) -> dict[str, Any]:
        """What a pod's behaviour depends on, as JSON: part of the revision's hash."""
        return {"version": self.version, "digest": self.digest, **self.request()}

    def request(self) -> dict[str, Any]:
        """The identity without what only a look at the bytes can tell."""
        return {
            "name": self.name,
            "uri": self.uri,
            "stated": self.spec.source.sha256 if self.spec.source else None,
            "secret": self.secret,
            "config": _config(self.spec),
        }

    def record(self) -> dict[str, Any]:
        """What a ControllerRevision keeps of this entry."""
        return {
            "name": self.name,
            "version": self.version,
            "uri": self.uri,
            "digest": self.digest,
            **({"inputs": list(self.inputs)} if self.inputs is not None else {}),
            **({"outputs": list(self.outputs)} if self.outputs is not None else {}),
        }


def document(
    entries: Sequence[ModelEntry],
    *,
    namespace: str,
    service: str,
    revision: str | None,
    gpus: int,
    platform: Platform,
) -> dict[str, Any]:
    """The wanted-models document that fetch, check and agent read (`models.json`)."""
    head = {
        "apiVersion": names.RUNTIME_API_VERSION,
        "service": {"namespace": namespace, "name": service},
        **({"revision": revision} if revision else {}),
        "triton": _triton(platform, gpus=gpus),
        "network": {"allowedNetworks": list(platform.allowed_networks)},
    }
    return {**head, "models": [_document_entry(entry) for entry in entries]}


def _triton(platform: Platform, *, gpus: int) -> dict[str, Any]:
    """What Triton can do in this pod; `gpus` is 0 where its image cannot drive any."""
    usable = gpus if platform.triton.gpu else 0
    return {"backends": list(platform.triton.backends), "gpu": usable > 0, "gpus": usable}


def source_secret(source: Source, *, platform: Platform) -> str:
    return source.secret_ref.name if source.secret_ref else platform.storage.secret_name


def _document_entry(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "uri": entry.uri,
        "digest": entry.digest,
        "stated": entry.spec.source is not None and entry.spec.source.sha256 is not None,
        "credentials": f"{CREDENTIALS}/{entry.secret}",
        **_config(entry.spec),
    }


def _config(model: Model) -> dict[str, Any]:
    """The Triton settings of a model as the document writes them; what is not set is absent."""
    config: dict[str, Any] = {
        "maxBatchSize": model.max_batch_size,
        "instances": [
            {"count": group.count, "kind": group.kind}
            for group in model.instances or (InstanceGroup(),)
        ],
    }
    if model.dynamic_batching is not None:
        batching: dict[str, Any] = {
            "preferredBatchSizes": list(model.dynamic_batching.preferred_batch_sizes or ())
        }
        if model.dynamic_batching.max_queue_delay is not None:
            delay = duration.microseconds(model.dynamic_batching.max_queue_delay)
            batching["maxQueueDelayMicroseconds"] = delay
        config["dynamicBatching"] = batching
    for side in ("inputs", "outputs"):
        tensors = getattr(model, side)
        if tensors:
            config[side] = [tensor.model_dump(mode="json", by_alias=True) for tensor in tensors]
    return config
