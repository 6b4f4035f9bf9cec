"""The keys that prove to agents that a document comes from the operator.

The private keys are files in a Secret that is mounted into the operator; the public ones travel in
each revision's ConfigMap. All of them sign, so that a key can come and another one go without a
moment in which pods and operator know none together: what a pod needs is one signature of a key
that it knows. The agent's side is `modelservice_runtime.triton.push`.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from modelservice_operator.view import Key

PUSH_HEADER: Final = "Modelservice-Push"
SIGNATURE_HEADER: Final = "Modelservice-Signature"
SIGNED_FOR: Final = b"modelservice.io push v1\n"
GOOD_FOR: Final = 60.0  # seconds
MOST: Final = 4
_LONGEST_FILE: Final = 4096


class KeyFileError(Exception):
    """A file holds no key that can sign; the message says which, and never what is in it."""


class Signer:
    """Private keys. Without any nothing can be signed, and nothing is pushed."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def read(cls, directory: Path) -> Signer:
        """From the `*.pem` files of a directory, none where it is missing. Raises KeyFileError."""
        files = sorted(directory.glob("*.pem"))
        if len(files) > MOST:
            raise KeyFileError(f"{directory} holds {len(files)} keys: {MOST} at most may sign")
        return cls([_key(file) for file in files])

    @property
    def public(self) -> tuple[str, ...]:
        """The public keys, base64 of their 32 bytes."""
        return tuple(b64encode(key.public_key().public_bytes_raw()).decode() for key in self._keys)

    def headers(self, document: bytes, *, pod: str, key: Key, now: float) -> dict[str, str]:
        """What is sent with a document of the service `key` to the pod of this uid, and to no
        other; `now` is seconds since the epoch."""
        issued_at = int(now * 1e6)
        push = {
            "pod": pod,
            "namespace": key.namespace,
            "service": key.name,
            "issuedAt": issued_at,
            "expiresAt": issued_at + int(GOOD_FOR * 1e6),
            "sha256": hashlib.sha256(document).hexdigest(),
        }
        text = json.dumps(push).encode()
        signatures = [b64encode(one.sign(SIGNED_FOR + text)).decode() for one in self._keys]
        return {PUSH_HEADER: b64encode(text).decode(), SIGNATURE_HEADER: ",".join(signatures)}


def _key(file: Path) -> Ed25519PrivateKey:
    try:
        with file.open("rb") as stream:
            key = load_pem_private_key(stream.read(_LONGEST_FILE), password=None)
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{file} holds no private key in PEM without a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file} must hold an Ed25519 key: `openssl genpkey -algorithm ed25519`")
    return key
