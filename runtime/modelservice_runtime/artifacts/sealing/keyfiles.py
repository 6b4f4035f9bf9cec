"""Key files: made once, readable by their owner only, never written over."""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from modelservice_runtime.artifacts.sealing.anchors import usable
from modelservice_runtime.artifacts.sealing.bundle import PrivateKey
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.failure import Failure, Reason


def new_encryption_key(path: Path) -> None:
    """Make a key for encryption."""
    _write(path, EncryptionKey.new(origin=str(path)).text().encode(), mode=0o600)


def new_signing_key(path: Path, *, passphrase: bytes | None) -> Path:
    """Make a key for signatures, EC P-256, and beside it the public one, whose path it returns."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = path.with_name(f"{path.name}.pub")
    if public.exists():
        raise _exists(public)
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem = serialization.Encoding.PEM
    _write(path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, protection), mode=0o600)
    _write(
        public,
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
        mode=0o644,
    )
    return public


def encryption_key(path: Path) -> EncryptionKey:
    """Read a key for encryption. Raises `Failure`."""
    try:
        return EncryptionKey.read(path, origin=str(path))
    except OSError:
        raise _unreadable(path, "cannot be read") from None


def signing_key(path: Path, *, passphrase: bytes | None) -> PrivateKey:
    """Read a private key in PEM. Raises `Failure`, which never holds any of it."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError:
        raise _unreadable(path, "cannot be read") from None
    except TypeError:
        why = (
            "is protected by a passphrase: set MODELSERVICE_SEAL_PASSPHRASE"
            if passphrase is None
            else "has no passphrase: unset MODELSERVICE_SEAL_PASSPHRASE"
        )
        raise _unreadable(path, why) from None
    except ValueError:
        raise _unreadable(path, "is no private key in PEM, or the passphrase is wrong") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise _unreadable(path, "is neither an EC nor an Ed25519 key")
    usable(key.public_key(), name=str(path))
    return key


def certificates(path: Path, *, key: PrivateKey) -> tuple[x509.Certificate, ...]:
    """Read the certificate of `key` and those above it, in PEM. Raises `Failure`."""
    try:
        chain = tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError:
        raise _unreadable(path, "cannot be read") from None
    except ValueError:
        raise _unreadable(path, "holds no certificate in PEM") from None
    if chain[0].public_key() != key.public_key():
        raise _unreadable(path, "begins with the certificate of another key")
    return chain


def _write(path: Path, content: bytes, *, mode: int) -> None:
    try:
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise _exists(path) from None
    with os.fdopen(target, "wb") as file:
        file.write(content)


def _exists(path: Path) -> Failure:
    return Failure(
        reason=Reason.ACCESS_DENIED,
        message=f"{path} exists already, and a key is never written over. Choose another name.",
    )


def _unreadable(path: Path, why: str) -> Failure:
    return Failure(reason=Reason.ACCESS_DENIED, message=f"{path} {why}.")
