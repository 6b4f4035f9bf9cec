"""Zip archives as torch writes them, read so that no other reader can see another content.

The archive is checked here and loaded later by torch's own reader (C++, miniz). Whatever two
readers could understand differently is refused: a prefix, a comment, two directories, names that
differ only in their case (miniz finds names without regard to it), members that lie in one
another, encryption. Nothing is unpacked: members are read one by one, each up to a limit.
"""

import io
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelservice_runtime.failure import Failure, Reason

LIMIT_MEMBERS = 20_000
LIMIT_DIRECTORY = 8 * 2**20
LIMIT_COMPRESSED = 256 * 2**20
"""Bytes of all compressed members together, when unpacked: torch compresses texts only."""

_COPY_BYTES = 2**20

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_LOCAL_HEADER = struct.Struct("<26x2H")

# No absolute path, no drive, no backslash, no control character; `..` is looked for besides.
_NAME = re.compile(r"[\w.+=@,()\[\] -]+(/[\w.+=@,()\[\] -]+)*/?", re.ASCII)

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, IndexError),
)


class Archive:
    """A checked archive; `names` are its members in the order of the directory."""

    def __init__(self, file: BinaryIO, *, size: int) -> None:
        self._file = file
        _require_one_directory(file, size=size)
        self._zip = zipfile.ZipFile(file)
        self._members = {info.filename: info for info in self._zip.infolist()}
        self.names = tuple(self._members)
        _require_plain(self._zip.infolist(), size=size)

    def folder(self) -> str:
        """The one folder that torch puts all into, with its slash; "" where there is none."""
        tops = {name.partition("/")[0] for name in self.names}
        return (
            f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in self.names) else ""
        )

    def read(self, name: str, *, limit: int) -> bytes:
        """A member's content; `ModelInvalid` where it is longer than `limit` bytes."""
        if self.size(name) > limit:
            raise invalid(
                f"{name} in the archive has {self.size(name)} bytes; at most {limit} are read."
            )
        with damage():
            return self._zip.read(name)

    def size(self, name: str) -> int:
        """Bytes of a member's content; `ModelInvalid` where there is no such member."""
        info = self._members.get(name)
        if info is None:
            raise invalid(f"The archive has no {name}.")
        return info.file_size

    def copy(self, name: str, *, target: Path) -> None:
        """Write a member's content to the new file `target`, and prove its checksum."""
        with damage(), self._zip.open(name) as member, target.open("xb") as file:
            shutil.copyfileobj(member, file, _COPY_BYTES)

    def nested(self, name: str) -> "Archive":
        """A member that is an archive itself, read where it lies; its weights stay on the disk."""
        info = self._members[name]
        if info.compress_type != zipfile.ZIP_STORED:
            raise invalid(
                f"{name} in the archive is a compressed archive. Save the model with torch."
            )
        self._file.seek(info.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        window = io.BufferedReader(_Window(self._file, start=start, size=info.file_size))
        return Archive(window, size=info.file_size)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive `path`. Raises `Failure` with `ModelInvalid` for what is damaged or ambiguous."""
    with path.open("rb") as file, damage():
        yield Archive(file, size=path.stat().st_size)


@contextmanager
def damage() -> Iterator[None]:
    """Turn what zip readers raise into a `Failure`."""
    try:
        yield
    except _DAMAGE as error:
        raise invalid(f"The archive is damaged or cut off ({error}). Upload it again.") from None


def invalid(message: str) -> Failure:
    """A file that is not what it should be."""
    return Failure(reason=Reason.MODEL_INVALID, message=message)


def _require_one_directory(file: BinaryIO, *, size: int) -> None:
    """The directory ends the file, and both of its ends (32 and 64 bit) tell the same of it."""
    file.seek(max(0, size - _END.size - _LOCATOR.size - _END64.size))
    tail = file.read(_END.size + _LOCATOR.size + _END64.size)
    if len(tail) < _END.size or tail[-_END.size : -_END.size + 4] != _END_MAGIC:
        raise invalid(
            "The archive does not end as a zip archive ends: it is cut off, or has a tail."
        )
    _, disk, first_disk, _, count, length, start, comment = _END.unpack(tail[-_END.size :])
    end = size - _END.size
    if tail[-_END.size - _LOCATOR.size : -_END.size].startswith(_LOCATOR_MAGIC):
        end -= _LOCATOR.size + _END64.size
        _, _, place, _ = _LOCATOR.unpack(tail[-_END.size - _LOCATOR.size : -_END.size])
        magic, _, _, _, _, _, _, count64, length64, start64 = _END64.unpack(tail[: _END64.size])
        same = all(
            short in (wide, most)
            for short, wide, most in (
                (count, count64, 0xFFFF),
                (length, length64, 0xFFFFFFFF),
                (start, start64, 0xFFFFFFFF),
            )
        )
        if magic != _END64_MAGIC or place != end or not same:
            raise invalid("The archive has two directories that differ.")
        count, length, start = count64, length64, start64
    if comment or disk or first_disk or start + length != end:
        raise invalid("The archive has more in it than its directory tells.")
    if count > LIMIT_MEMBERS or length > LIMIT_DIRECTORY:
        raise invalid(f"The archive has more than {LIMIT_MEMBERS} members.")


def _require_plain(members: list[zipfile.ZipInfo], *, size: int) -> None:
    if not members or min(info.header_offset for info in members) != 0:
        raise invalid("The archive does not begin with its first member.")
    seen: set[str] = set()
    end = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        name = info.filename
        if not _NAME.fullmatch(name) or ".." in name.split("/") or info.orig_filename != name:
            raise invalid(f"The archive has a member with the name {name[:100]!r}.")
        if name.lower() in seen:
            raise invalid(f"The archive has two members with the name {name}.")
        seen.add(name.lower())
        if info.flag_bits & 0x1 or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise invalid(f"{name} in the archive is encrypted, or compressed in a rare way.")
        if info.header_offset < end:
            raise invalid(f"{name} in the archive lies inside of another member.")
        end = info.header_offset + _LOCAL_HEADER.size + len(name) + info.compress_size
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise invalid(f"{name} in the archive tells a wrong size.")
    if end > size:
        raise invalid("The archive is cut off.")
    unpacked = sum(info.file_size for info in members if info.compress_type == zipfile.ZIP_DEFLATED)
    if unpacked > LIMIT_COMPRESSED:
        raise invalid(
            f"The archive unpacks to {unpacked / 2**20:.0f} MiB of text, which no model has. "
            "Weights are stored without compression."
        )


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: BinaryIO, *, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # its own buffers
        wanted = min(len(buffer), max(0, self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
