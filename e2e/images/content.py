"""Names by content: the same inputs give the same tag, on every machine and in every checkout."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

LENGTH = 12  # hexadecimal digits of a tag: 48 bits, for a few hundred images


def tag(*parts: bytes | str) -> str:
    """The tag of what is made from `parts`; where one part ends and the next begins counts."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big"))
        whole.update(data)
    return whole.hexdigest()[:LENGTH]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if child.name != "__pycache__":
                yield from _files(child)
    else:
        yield path


def of_files(root: Path, *, paths: Iterable[str]) -> bytes:
    """A digest over files and directories below `root`: names, executable bits and bytes.

    Times and owners do not count, nor does Python's bytecode (.dockerignore leaves it out too).
    """
    whole = hashlib.sha256()
    for path in sorted(paths):
        for file in _files(root / path):
            executable = "x" if file.stat().st_mode & 0o100 else "-"
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{file.relative_to(root)}\0{executable}\0{content}\n".encode())
    return whole.digest()
