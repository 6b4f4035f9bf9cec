"""zip archives. Their directory is at the end, so the archive lies on the volume while it is read.

Python's zipfile reads and proves the members (it compares each with its own header and checksum);
before it is let near the archive, its directory is known to be small, and no member is opened that
is more than a file with a plain name.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from modelservice_runtime.artifacts.sealing.folder import Folder
from modelservice_runtime.artifacts.sealing.members import (
    Members,
    Parts,
    broken,
    refused,
    shown,
)
from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES, Chunks

MAGIC = b"PK\x03\x04"

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,  # a place that is none
    RuntimeError,
    ValueError,
)
"""What zipfile raises for an archive that is none or that is damaged."""

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LARGEST_DIRECTORY = 8 * 2**20  # formats.archive's, whose archives pass here too
_ENCRYPTED = 0x1
_UNIX = 3


def unpack(parts: Parts, *, folder: Folder) -> None:
    """Put the files of the archive `parts`, which lies in `folder`, in its place.

    Raises `Failure`: `ArchiveRefused`, `ArtifactDamaged`, `ArtifactTooLarge`.
    """
    with folder.path.joinpath(*parts).open("rb") as file:
        with _readable():
            archive = zipfile.ZipFile(file)
        with archive:
            _members(archive, folder=folder, taken=parts)
    folder.remove(parts)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except UNREADABLE:
        raise broken("its directory and its files do not agree, or cannot be read") from None


def _members(archive: zipfile.ZipFile, *, folder: Folder, taken: Parts) -> None:
    members = Members()
    members.file("/".join(taken))
    for info in archive.infolist():
        # zipfile cuts a name at a zero byte and turns the system's separator into '/'
        name = info.orig_filename
        if info.is_dir():
            if info.file_size:
                raise refused(f"a folder with content, {shown(name)}")
            folder.make(members.folder(name))
            continue
        _require_plain(info, name=name)
        folder.write(members.file(name), _content(archive, info=info))


def _require_plain(info: zipfile.ZipInfo, *, name: str) -> None:
    mode = info.external_attr >> 16
    if info.create_system == _UNIX and mode and mode & 0o170000 not in (0, 0o100000):
        raise refused(f"a link or a device, {shown(name)}")
    if info.flag_bits & _ENCRYPTED:
        raise refused(f"a file with a password, {shown(name)}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused(f"{shown(name)}, which is neither stored nor deflated")


def _content(archive: zipfile.ZipFile, *, info: zipfile.ZipInfo) -> Chunks:
    size = 0
    with _readable():
        member = archive.open(info)
    with member:
        while True:
            with _readable():
                chunk = member.read(CHUNK_BYTES)
            if not chunk:
                break
            size += len(chunk)
            yield chunk
    if size != info.file_size:
        raise broken(f"{shown(info.orig_filename)} has another size than its directory states")


def require_small_directory(file: BinaryIO) -> None:
    """Raise `Failure` unless zipfile, which reads the whole directory at once, may be let near it.

    The directory is looked for where zipfile looks for it.
    """
    size = file.seek(0, 2)
    if size < _END.size:
        raise broken("it is too short")
    file.seek(size - _END.size)
    magic, _, _, _, _, length, _, comment = _END.unpack(file.read(_END.size))
    if magic != b"PK\x05\x06" or comment:
        raise refused("something behind its directory, such as a comment, or no directory")
    if size >= _END.size + _END64_PLACE.size:
        file.seek(size - _END.size - _END64_PLACE.size)
        place = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if place[0] == b"PK\x06\x07":
            at = size - _END.size - _END64_PLACE.size - _END64.size
            if place[2] != at or at < 0:
                raise refused("a directory that is not where it is looked for")
            file.seek(at)
            found = _END64.unpack(file.read(_END64.size))
            length = found[8]
    if length > _LARGEST_DIRECTORY:
        raise refused("a directory larger than any that so few members need")
