"""The container of an encrypted artifact: a header, then frames of AES-256-GCM.

    magic 8 │ version 2 │ length of the header 2 │ header (JSON) │ frame │ frame │ … │ last frame

A frame is `frame` bytes of the artifact (the last may be shorter) and their tag of 16 bytes. Its
nonce is its number and whether it is the last, and all that stands before the first frame is its
associated data: a frame that is changed, moved, doubled or left out, a tail that is cut or added
and a header that is changed are found, and a byte is given out only after its frame was proved.
docs/sealed-artifacts.md describes the format for other implementations.
"""

import base64
import binascii
import hmac
import json
import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelservice_runtime.artifacts.sealing.keys import (
    COMMITMENT_BYTES,
    SALT_BYTES,
    EncryptionKey,
)
from modelservice_runtime.artifacts.sealing.stages import Chunk, Chunks, Reader
from modelservice_runtime.failure import Failure, Reason

MAGIC = b"MSSEALED"
VERSION = 1
FRAME_BYTES = 2**20
TAG_BYTES = 16

_CIPHER = "AES-256-GCM"
_DERIVATION = "HKDF-SHA256"
_START = struct.Struct(">8sHH")
_LONGEST_HEADER = 4096
_SMALLEST_FRAME = 2**10
_LARGEST_FRAME = 2**24


@dataclass(frozen=True)
class Header:
    """What stands before the frames. `raw` is all of it, as it was read or will be written."""

    salt: bytes
    commitment: bytes
    frame: int
    raw: bytes

    @classmethod
    def new(cls, *, salt: bytes, commitment: bytes, frame: int = FRAME_BYTES) -> Self:
        """A header to write."""
        fields = {
            "cipher": _CIPHER,
            "derivation": _DERIVATION,
            "salt": base64.b64encode(salt).decode(),
            "commitment": base64.b64encode(commitment).decode(),
            "frame": frame,
        }
        text = json.dumps(fields, separators=(",", ":")).encode()
        raw = _START.pack(MAGIC, VERSION, len(text)) + text
        return cls(salt=salt, commitment=commitment, frame=frame, raw=raw)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the header. Raises `Failure` with `ArtifactDamaged`."""
        start = reader.read(_START.size)
        if len(start) < _START.size or not start.startswith(MAGIC):
            raise damaged("it does not begin as an encrypted artifact does")
        _, version, length = _START.unpack(start)
        if version != VERSION:
            raise damaged(
                f"it is written in version {version} of the format, and this release reads "
                f"version {VERSION}"
            )
        if length > _LONGEST_HEADER:
            raise damaged("its header is too long")
        text = reader.read(length)
        if len(text) < length:
            raise damaged("it ends within its header")
        return cls._parsed(text, raw=start + text)

    @classmethod
    def _parsed(cls, text: bytes, *, raw: bytes) -> Self:
        try:
            fields: Any = json.loads(text)  # a TypeError where it is no object
            if (fields["cipher"], fields["derivation"]) != (_CIPHER, _DERIVATION):
                raise damaged("its header names a cipher that this release does not know")
            salt = base64.b64decode(fields["salt"], validate=True)
            commitment = base64.b64decode(fields["commitment"], validate=True)
            frame = fields["frame"]
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
            raise damaged("its header cannot be read") from None
        if len(salt) != SALT_BYTES or len(commitment) != COMMITMENT_BYTES:
            raise damaged("its header has a salt or a commitment of another length")
        if type(frame) is not int or not _SMALLEST_FRAME <= frame <= _LARGEST_FRAME:
            raise damaged("its header states frames of a size that is not allowed")
        return cls(salt=salt, commitment=commitment, frame=frame, raw=raw)


def encrypt(chunks: Iterable[Chunk], *, key: EncryptionKey) -> Chunks:
    """The container of all `chunks`."""
    salt = secrets.token_bytes(SALT_BYTES)
    derived = key.of_file(salt)
    header = Header.new(salt=salt, commitment=derived.commitment)
    cipher = AESGCM(derived.frames)
    reader = Reader(chunks)
    yield header.raw
    number = 0
    frame: Chunk = reader.view(header.frame)
    while True:
        following = reader.view(header.frame) if len(frame) == header.frame else b""
        yield cipher.encrypt(_nonce(number, last=not following), frame, header.raw)
        if not following:
            return
        frame = following
        number += 1


def decrypt(chunks: Iterable[Chunk], *, key: EncryptionKey) -> Chunks:
    """What the container holds, each chunk proved before it is given out.

    Raises `Failure`: `DecryptionFailed` for another key, `ArtifactDamaged` for all else.
    """
    reader = Reader(chunks)
    header = Header.read(reader)
    derived = key.of_file(header.salt)
    if not hmac.compare_digest(derived.commitment, header.commitment):
        raise Failure(
            reason=Reason.DECRYPTION_FAILED,
            message=f"The artifact was encrypted with another key than that of {key.origin}. Put "
            "the right one there.",
        )
    cipher = AESGCM(derived.frames)
    size = header.frame + TAG_BYTES
    number = 0
    frame: Chunk = reader.view(size)
    while True:
        following = reader.view(size) if len(frame) == size else b""
        plain = _opened(cipher, frame, number=number, last=not following, header=header)
        if plain:
            yield plain
        elif number:
            # One artifact has one container: an empty frame has its place in an empty artifact.
            raise damaged("it has an empty frame at its end")
        if not following:
            return
        frame = following
        number += 1


def _opened(cipher: AESGCM, frame: Chunk, *, number: int, last: bool, header: Header) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), frame, header.raw)
    except (InvalidTag, ValueError):
        # ValueError: the frame is shorter than a tag
        what = "its end was cut off or changed" if last else "it was changed or moved"
        raise damaged(f"its frame {number} is not what was sealed: {what}") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def damaged(how: str) -> Failure:
    """`ArtifactDamaged`, of the container."""
    return Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=f"The encrypted artifact is damaged: {how}. Upload it again, or seal it anew.",
    )
