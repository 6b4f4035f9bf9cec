"""What the wanted-models document says of the chain: how a model is sealed, and who is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Terms:
    """Of one model. `key` is a file of a mounted Secret, `anchors` the folder of one.

    `signature` None is `<uri>.sig`; `named` is the name that the signature must be for. `stated`
    says that the user speaks of a signature, so that one is wanted.
    """

    key: Path | None = None
    stated: bool = False
    signature: str | None = None
    named: str | None = None
    required: bool = False
    anchors: Path | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of the document's `models`."""
        encryption = document.get("encryption") or {}
        signature = document.get("signature") or {}
        trust = document.get("trust") or {}
        key, anchors = encryption.get("key"), trust.get("publicKeys")
        return cls(
            key=None if key is None else Path(key),
            stated=document.get("signature") is not None,
            signature=signature.get("uri"),
            named=signature.get("name"),
            required=bool(trust.get("requireSignature")),
            anchors=None if anchors is None else Path(anchors),
        )


@dataclass(frozen=True)
class PlatformTrust:
    """The platform's policy, which a service can add to and not take from. Keys are PEM."""

    required: bool = False
    keys: tuple[str, ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `trust`."""
        return cls(
            required=bool(document.get("requireSignature")),
            keys=tuple(document.get("publicKeys") or ()),
        )
