"""What the programs in pods are told about seals: keys are named here, and read in pods alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import Artifact, Source, Trust
from modelservice_operator.api.sealing import ArtifactSignature, KeyRef
from modelservice_operator.desired.platform import Platform


@dataclass(frozen=True, slots=True)
class Sealing:
    """How one model's artifact is sealed, and what its service asks of it."""

    key: KeyRef | None = None
    signature: ArtifactSignature | None = None
    required: bool = False
    signers: str | None = None  # the Secret with their public keys

    @property
    def secrets(self) -> tuple[str, ...]:
        """The Secrets that the pod needs for it."""
        named = (self.key.name if self.key else None, self.signers)
        return tuple(name for name in named if name is not None)

    def document(self, *, mounts: str) -> dict[str, Any]:
        """As the wanted-models document has it; `mounts` is where Secrets are mounted, by name."""
        document: dict[str, Any] = {}
        if self.key is not None:
            document["encryption"] = {"key": f"{mounts}/{self.key.name}/{self.key.key}"}
        if self.signature is not None:
            stated = self.signature.model_dump(mode="json", by_alias=True, exclude_none=True)
            document["signature"] = stated
        if self.required or self.signers is not None:
            keys = {"publicKeys": f"{mounts}/{self.signers}"} if self.signers else {}
            document["trust"] = {"requireSignature": self.required, **keys}
        return document


def sealing(artifact: Source | Artifact, *, trust: Trust | None) -> Sealing | None:
    """None where neither the artifact nor the service says anything."""
    chosen = Sealing(
        key=artifact.encryption.secret_ref if artifact.encryption else None,
        signature=artifact.signature,
        required=trust.require_signature if trust else False,
        signers=trust.public_keys.secret_ref.name if trust and trust.public_keys else None,
    )
    return None if chosen == Sealing() else chosen


def asks(sealings: Iterable[Sealing | None], *, trust: Trust | None, platform: Platform) -> bool:
    """Whether a model has to be signed: the platform, the service or an artifact says so."""
    required = trust is not None and trust.require_signature
    stated = any(one is not None and one.signature is not None for one in sealings)
    return platform.trust.required or required or stated


def with_policy(document: Mapping[str, Any], *, platform: Platform) -> dict[str, Any]:
    """The document with the platform's policy of today: a pod of an old revision obeys it too."""
    rest = {key: value for key, value in document.items() if key != "trust"}
    if not platform.trust.keys:
        return rest
    policy = {
        "requireSignature": platform.trust.required,
        "publicKeys": list(platform.trust.keys),
    }
    return {**rest, "trust": policy}
