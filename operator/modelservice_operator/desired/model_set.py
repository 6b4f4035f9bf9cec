"""The models of a service, resolved: which bytes of which version a revision would serve.

An entry is *pinned* once its digest is known: stated in the spec, recorded by an earlier revision,
told by a check Job, or kept in a ModelVersion. Only pinned sets become revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelservice_operator.api import Model, Source, VersionRef, names
from modelservice_operator.api.locations import claim_of, pinned
from modelservice_operator.desired.model_config import model_config
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.sealing import Sealing, with_policy

CREDENTIALS = "/etc/modelservice/credentials"
CLAIMS = "/mnt/claims"

Tensors = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a revision; `digest` is None while nobody has seen its bytes.

    An ensemble has no bytes: no uri, digest or secret, and nothing to pin.
    """

    spec: Model
    version: int
    uri: str | None = None
    digest: str | None = None
    secret: str | None = None
    # what names the bytes for good where the uri does not: a check found it
    pin: str | None = None
    # what the user says that the file is, or the version does: format, recipe, and the tensors of a
    # version whose file may not hold them; what is not said is absent
    said: Mapping[str, Any] = field(default_factory=dict)
    # the model's own format and tensors, where they are known
    format: str | None = None
    inputs: Tensors | None = None
    outputs: Tensors | None = None
    # namespace and name of the ModelVersion, of a model that refers to one
    version_ref: Mapping[str, str] | None = None
    sealing: Sealing | None = None
    # who signed it and when that was proved, where a check has told
    signer: str | None = None
    verified_at: str | None = None

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
            "stated": self.spec.file.sha256 if self.spec.file else None,
            "secret": self.secret,
            "config": model_config(self.spec),
            **self._reference(),
            **self.said,
            **self.seal(),
        }

    def seal(self) -> dict[str, Any]:
        """What the document says of its seal."""
        return self.sealing.document(mounts=CREDENTIALS) if self.sealing is not None else {}

    def record(self) -> dict[str, Any]:
        """What a ControllerRevision keeps of this entry."""
        return {
            "name": self.name,
            "version": self.version,
            **({"uri": self.uri, "digest": self.digest} if self.uri is not None else {}),
            **self._reference(),
            **({"format": self.format} if self.format is not None else {}),
            **({"signer": self.signer} if self.signer is not None else {}),
            **({"verifiedAt": self.verified_at} if self.verified_at is not None else {}),
            **({"inputs": list(self.inputs)} if self.inputs is not None else {}),
            **({"outputs": list(self.outputs)} if self.outputs is not None else {}),
        }

    def _reference(self) -> dict[str, Any]:
        return {"versionRef": dict(self.version_ref)} if self.version_ref is not None else {}


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
        **({"security": {"allowPythonModels": True}} if platform.allow_python_models else {}),
    }
    models = [_document_entry(entry) for entry in entries]
    return with_policy({**head, "models": models}, platform=platform)


def _triton(platform: Platform, *, gpus: int) -> dict[str, Any]:
    """What Triton can do in this pod; `gpus` is 0 where its image cannot drive any."""
    usable = gpus if platform.triton.gpu else 0
    return {"backends": list(platform.triton.backends), "gpu": usable > 0, "gpus": usable}


def secret_of(origin: Source | VersionRef, *, platform: Platform) -> str | None:
    """The Secret that opens an origin; the platform's is of S3, and no other server is shown it."""
    if origin.secret_ref is not None:
        return origin.secret_ref.name
    elsewhere = isinstance(origin, Source) and not origin.uri.startswith("s3://")
    return None if elsewhere else platform.storage.secret_name


def secrets(entries: Sequence[ModelEntry]) -> tuple[str, ...]:
    """The Secrets that open the models' places and seals."""
    places = tuple(entry.secret for entry in entries if entry.secret is not None)
    return (
        *places,
        *(name for entry in entries if entry.sealing for name in entry.sealing.secrets),
    )


def claims(entries: Sequence[ModelEntry]) -> tuple[str, ...]:
    """The PersistentVolumeClaims that hold models."""
    found = (claim_of(entry.uri or "") for entry in entries)
    return tuple(sorted({claim for claim in found if claim is not None}))


def _document_entry(entry: ModelEntry) -> dict[str, Any]:
    head = {"name": entry.name, "version": entry.version}
    if entry.uri is None:
        return {**head, **model_config(entry.spec)}
    return {
        **head,
        "uri": pinned(entry.uri, pin=entry.pin),
        "digest": entry.digest,
        "stated": entry.spec.file is not None and entry.spec.file.sha256 is not None,
        # empty where there are none: a runtime of another version looks for the key
        "credentials": f"{CREDENTIALS}/{entry.secret}" if entry.secret is not None else "",
        # the pod has no use for it; the revision's record is made anew from here if it is lost
        **({"versionRef": dict(entry.version_ref)} if entry.version_ref is not None else {}),
        **entry.said,
        **entry.seal(),
        **model_config(entry.spec),
    }
