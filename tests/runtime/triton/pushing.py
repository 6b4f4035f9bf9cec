"""Pushes as an operator makes them, and as others would."""

import base64
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelservice_runtime.triton.push import PUSH_HEADER, SIGNATURE_HEADER, SIGNED_FOR

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
POD = "uid-1"


def publish(path: Path, *keys: Ed25519PrivateKey) -> None:
    """Mount these keys."""
    public = [base64.b64encode(key.public_key().public_bytes_raw()).decode() for key in keys]
    path.write_text(json.dumps({"keys": public}))


def headers(
    document: bytes,
    *,
    keys: Sequence[Ed25519PrivateKey] = (KEY,),
    signed_for: bytes = SIGNED_FOR,
    now: float | None = None,
    **fields: Any,
) -> dict[str, str]:
    """Of a push that is right in all but `fields`."""
    issued_at = int((time.time() if now is None else now) * 1e6)
    push = {
        "pod": POD,
        "namespace": "default",
        "service": "digits",
        "issuedAt": issued_at,
        "expiresAt": issued_at + 60 * 10**6,
        "sha256": hashlib.sha256(document).hexdigest(),
        **fields,
    }
    text = json.dumps(push).encode()
    signatures = [base64.b64encode(key.sign(signed_for + text)).decode() for key in keys]
    return {
        PUSH_HEADER: base64.b64encode(text).decode(),
        SIGNATURE_HEADER: ",".join(signatures),
    }
