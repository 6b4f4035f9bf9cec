"""The user's key for encryption, and what is derived from it for one file.

No two files are encrypted with one key: each has a random salt, from which HKDF makes the key of
its frames and a commitment. AES-GCM does not commit to its key (a ciphertext can be made that opens
under two keys), and the commitment does: it also tells a wrong key from damaged bytes.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelservice_runtime.failure import Failure, Reason

KEY_BYTES = 32
SALT_BYTES = 32
COMMITMENT_BYTES = 32

_CONTEXT = b"modelservice sealed artifact v1"
_LONGEST_FILE = 256


@dataclass(frozen=True)
class FileKey:
    """What one file is encrypted with."""

    frames: bytes = field(repr=False)
    commitment: bytes


@dataclass(frozen=True)
class EncryptionKey:
    """The user's 32 bytes. `origin` is what messages call it: a Secret, or a file."""

    secret: bytes = field(repr=False)
    origin: str

    @classmethod
    def new(cls, *, origin: str) -> Self:
        """A random key."""
        return cls(secret=secrets.token_bytes(KEY_BYTES), origin=origin)

    @classmethod
    def parse(cls, text: bytes, *, origin: str) -> Self:
        """From the content of a key file. Raises `Failure`, which never holds any of it."""
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise Failure(
                reason=Reason.DECRYPTION_FAILED,
                message=f"{origin} holds no key: it must be {KEY_BYTES} bytes in base64, as "
                "`modelservice-seal keygen encryption` writes them.",
            )
        return cls(secret=secret, origin=origin)

    @classmethod
    def read(cls, path: Path, *, origin: str) -> Self:
        """From a file, a missing one raising `FileNotFoundError`."""
        with path.open("rb") as file:
            return cls.parse(file.read(_LONGEST_FILE), origin=origin)

    def text(self) -> str:
        """The content of a key file."""
        return base64.b64encode(self.secret).decode() + "\n"

    def of_file(self, salt: bytes) -> FileKey:
        """What HKDF-SHA256 makes of this key for the file with this salt."""
        derived = HKDF(
            algorithm=hashes.SHA256(),
            length=KEY_BYTES + COMMITMENT_BYTES,
            salt=salt,
            info=_CONTEXT,
        ).derive(self.secret)
        return FileKey(frames=derived[:KEY_BYTES], commitment=derived[KEY_BYTES:])
