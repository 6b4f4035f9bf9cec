"""A signature as a file: a Sigstore bundle with a DSSE envelope, as model signing writes it.

Nothing of a payload is read before a trusted key has been shown to have signed it.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from modelservice_runtime.artifacts.sealing import anchors
from modelservice_runtime.artifacts.sealing.anchors import Anchor, PublicKey
from modelservice_runtime.artifacts.sealing.statement import PAYLOAD_TYPE, Statement, invalid

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

LARGEST = 4 * 2**20
"""Bytes of a bundle: 4,096 files with names of middling length, in base64, take a third."""

_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_MOST_SIGNATURES = 8


@dataclass(frozen=True)
class Bundle:
    """What a signature file holds: nothing here has been verified yet."""

    payload: bytes
    signatures: tuple[bytes, ...]
    chain: tuple[x509.Certificate, ...]
    hint: str | None

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """From the content of a file. Raises `Failure` with `SignatureInvalid`."""
        try:
            document: Any = json.loads(text)
            if document["mediaType"] != _MEDIA_TYPE:
                raise invalid("it is not a Sigstore bundle of version 0.3")
            envelope = document["dsseEnvelope"]
            if envelope["payloadType"] != PAYLOAD_TYPE:
                raise invalid("it signs something else than a statement (in-toto)")
            material = document["verificationMaterial"]
            return cls(
                payload=_bytes(envelope["payload"]),
                signatures=tuple(
                    _bytes(one["sig"]) for one in envelope["signatures"][:_MOST_SIGNATURES]
                ),
                chain=_chain(material),
                hint=(material.get("publicKey") or {}).get("hint"),
            )
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
            raise invalid("it is not a Sigstore bundle") from None

    def signer(self, trusted: Sequence[Anchor]) -> str | None:
        """Who of the trusted has signed the payload; None if nobody has."""
        data = pre_authentication(self.payload)
        for key, name in self._keys(trusted):
            if any(anchors.signed_by(key, signature=one, data=data) for one in self.signatures):
                return name
        return None

    def claims(self, trusted: Sequence[Anchor]) -> bool:
        """Whether it says to be of somebody trusted: if `signer` finds nobody, it was changed."""
        if self.chain:
            return anchors.certified(self.chain, anchors=trusted) is not None
        return any(self.hint == _hint(key) for key, _ in self._keys(trusted))

    def statement(self) -> Statement:
        """What was signed. Ask `signer` first."""
        return Statement.parse(self.payload)

    def _keys(self, trusted: Sequence[Anchor]) -> Iterable[tuple[PublicKey, str]]:
        for anchor in trusted:
            if not isinstance(anchor.trusted, x509.Certificate):
                yield anchor.trusted, anchor.signer
        certified = anchors.certified(self.chain, anchors=trusted)
        if certified is not None:
            yield certified


def sign(statement: Statement, *, key: PrivateKey, chain: Sequence[x509.Certificate] = ()) -> bytes:
    """The content of a signature file; with the certificate of the key and those above it."""
    payload = statement.payload()
    data = pre_authentication(payload)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(data)
    else:
        signature = key.sign(data, ec.ECDSA(anchors.hash_of(key.public_key())))
    document = {
        "mediaType": _MEDIA_TYPE,
        "verificationMaterial": {**_material(key, chain=chain), "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def pre_authentication(payload: bytes) -> bytes:
    """What is signed for a payload: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _material(key: PrivateKey, *, chain: Sequence[x509.Certificate]) -> dict[str, Any]:
    if chain:
        raw = [one.public_bytes(serialization.Encoding.DER) for one in chain]
        certificates = [{"rawBytes": base64.b64encode(one).decode()} for one in raw]
        return {"x509CertificateChain": {"certificates": certificates}}
    return {"publicKey": {"hint": _hint(key.public_key())}}


def _hint(key: PublicKey) -> str:
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(pem).hexdigest()


def _chain(material: Any) -> tuple[x509.Certificate, ...]:
    if "certificate" in material:
        raw = [material["certificate"]]
    else:
        raw = (material.get("x509CertificateChain") or {}).get("certificates") or []
    if len(raw) > anchors.LONGEST_CHAIN:
        raise invalid("it has too many certificates")
    return tuple(x509.load_der_x509_certificate(_bytes(one["rawBytes"])) for one in raw)


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError
    return base64.b64decode(text, validate=True)
