"""tar archives, read member by member as the bytes come, and written.

Python's tarfile is not used to read: it follows what headers say (links, sparse maps, names in PAX
records, several spellings of a size), which is where CVE-2025-4517 and its kin live. This reader
knows files and folders, and refuses the rest by its kind.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from modelservice_runtime.artifacts.sealing.folder import Folder
from modelservice_runtime.artifacts.sealing.members import (
    LONGEST_NAME,
    Members,
    broken,
    refused,
    shown,
)
from modelservice_runtime.artifacts.sealing.stages import Chunk, Chunks, Reader

BLOCK = 512

_MAGIC_AT, _MAGIC = 257, b"ustar"
_FILES = (b"0", b"\0", b"7")
_FOLDERS = b"5"
_PAX, _PAX_GLOBAL, _GNU_NAME = b"x", b"g", b"L"
_OTHERS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"K": "a link with a long name",
    b"M": "a file that goes on in another archive",
    b"S": "a sparse file",
}
_LARGEST_PAX = 2**16
_LARGEST_SIZE = 2**53
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([A-Za-z0-9._-]{1,128})=")
# Records that say nothing of what is unpacked: times, owners, comments.
_HARMLESS = frozenset({"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"})


def recognise(start: bytes) -> bool:
    """Whether the first 512 bytes are the header of a tar archive."""
    return len(start) >= BLOCK and start[_MAGIC_AT : _MAGIC_AT + 5] == _MAGIC


def unpack(chunks: Iterable[Chunk], *, folder: Folder) -> None:
    """Write the files of the archive below `folder`.

    Raises `Failure`: `ArchiveRefused`, `ArtifactDamaged`, `ArtifactTooLarge`.
    """
    reader = Reader(chunks)
    members = Members()
    extras = _Extras()
    while True:
        block = reader.read(BLOCK)
        if len(block) < BLOCK:
            raise broken("it ends without an end mark")
        if not any(block):
            break
        header = _Header.parse(block)
        if header.kind in (_PAX, _PAX_GLOBAL, _GNU_NAME):
            extras.read(header, content=_small(reader, header=header))
            continue
        name = extras.name if extras.name is not None else header.name
        size = extras.size if extras.size is not None else header.size
        extras = _Extras()
        _member(header, name=name, size=size, reader=reader, members=members, folder=folder)
    if extras.name is not None or extras.size is not None:
        raise broken("it ends after the name of a member that does not come")
    for rest in reader.rest():
        if any(rest):
            raise refused("something behind its end")


def _member(
    header: "_Header", *, name: str, size: int, reader: Reader, members: Members, folder: Folder
) -> None:
    if header.kind == _FOLDERS or (header.kind in _FILES and name.endswith("/")):
        if size:
            raise refused(f"a folder with content, {shown(name)}")
        folder.make(members.folder(name))
    elif header.kind in _FILES:
        folder.write(members.file(name), _content(reader, size=size))
        if len(padding := reader.read(-size % BLOCK)) < -size % BLOCK or any(padding):
            raise broken(f"it has something else than padding behind {shown(name)}")
    else:
        what = _OTHERS.get(header.kind, "a member of an unknown kind")
        raise refused(f"{what}, {shown(name)}")


def _content(reader: Reader, *, size: int) -> Chunks:
    while size:
        some = reader.some(min(size, 2**20))
        if not some:
            raise broken("it ends within a file")
        size -= len(some)
        yield some


def _small(reader: Reader, *, header: "_Header") -> bytes:
    if header.size > _LARGEST_PAX:
        raise refused(f"a header of more than {_LARGEST_PAX} bytes")
    content = reader.read(header.size)
    padding = -header.size % BLOCK
    if len(content) < header.size or len(reader.read(padding)) < padding:
        raise broken("it ends within a header")
    return content


@dataclass(frozen=True)
class _Header:
    raw_name: bytes
    size: int
    kind: bytes

    @classmethod
    def parse(cls, block: bytes) -> "_Header":
        stated = _number(block[148:156])
        if stated != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise broken("a header's checksum is wrong")
        if block[_MAGIC_AT : _MAGIC_AT + 5] != _MAGIC:
            raise refused("a member in tar's oldest format, which has no marks of its own")
        name = _ended(block[:100])
        # GNU tar has times where POSIX has the front part of a name
        front = _ended(block[345:500]) if block[257:265] == b"ustar\x0000" else b""
        return cls(
            raw_name=front + b"/" + name if front else name,
            size=_number(block[124:136]),
            kind=block[156:157],
        )

    @property
    def name(self) -> str:
        # Not before it is needed: where another header has the name, this one may be cut within
        # a character.
        return _text(self.raw_name)


@dataclass
class _Extras:
    """What PAX and GNU headers say of the member that follows."""

    name: str | None = None
    size: int | None = None
    _seen: set[str] = field(default_factory=set)

    def read(self, header: _Header, *, content: bytes) -> None:
        if header.kind == _GNU_NAME:
            self._once("path")
            self.name = _text(_ended(content))
            return
        for key, value in _records(content):
            if header.kind == _PAX_GLOBAL and key not in _HARMLESS:
                raise refused(f"{shown(key)} set for all of its members")
            self._record(key, value)

    def _record(self, key: str, value: bytes) -> None:
        if key == "path":
            self._once(key)
            self.name = _text(value)
        elif key == "size":
            self._once(key)
            if not re.fullmatch(rb"[0-9]{1,16}", value):
                raise broken("a size is no number")
            self.size = _bounded(int(value))
        elif key not in _HARMLESS:
            raise refused(f"a member with {shown(key)}, which could change what it is")

    def _once(self, key: str) -> None:
        if key in self._seen:
            raise refused(f"a member with two of {key}")
        self._seen.add(key)


def _records(content: bytes) -> Iterable[tuple[str, bytes]]:
    at = 0
    while at < len(content):
        match = _RECORD.match(content, at)
        if match is None:
            raise broken("a PAX header cannot be read")
        end = at + int(match[1])
        if end > len(content) or end <= match.end() or content[end - 1 : end] != b"\n":
            raise broken("a PAX header cannot be read")
        yield match[2].decode(), content[match.end() : end - 1]
        at = end


def _ended(field: bytes) -> bytes:
    """What a field of fixed length holds: all before the first zero byte."""
    return field.partition(b"\0")[0]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise refused("a name that is not UTF-8") from None


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU's binary form, for what octal digits cannot hold
        return _bounded(int.from_bytes(field[1:], "big"))
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]{0,12}", digits):
        raise broken("a header has something else where a number belongs")
    return int(digits or b"0", 8)


def _bounded(size: int) -> int:
    if size > _LARGEST_SIZE:
        raise refused("a file larger than anything that could be unpacked")
    return size


def header(name: str, *, size: int, folder: bool = False) -> bytes:
    """The header of a member to write: equal files make equal bytes, whoever packs them when."""
    raw = name.encode()
    if len(raw) > LONGEST_NAME:
        raise refused(f"a name of more than {LONGEST_NAME} bytes")
    records = b""
    if len(raw) > 100:
        records += _pax("path", raw)
    if size >= 8**11:
        records += _pax("size", str(size).encode())
    kind = _FOLDERS if folder else b"0"
    block = _block(raw[:100], size=0 if size >= 8**11 else size, kind=kind)
    if not records:
        return block
    padding = bytes(-len(records) % BLOCK)
    return _block(b"pax", size=len(records), kind=_PAX) + records + padding + block


def end() -> bytes:
    """What stands behind the last member."""
    return bytes(2 * BLOCK)


def _block(name: bytes, *, size: int, kind: bytes) -> bytes:
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[100:108] = b"0000755\0" if kind == _FOLDERS else b"0000644\0"
    block[108:116] = block[116:124] = block[329:337] = block[337:345] = b"0000000\0"
    block[124:136] = f"{size:011o}\0".encode()
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"        "
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def _pax(key: str, value: bytes) -> bytes:
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body)
    while len(record := str(length).encode() + body) != length:
        length = len(record)
    return record
