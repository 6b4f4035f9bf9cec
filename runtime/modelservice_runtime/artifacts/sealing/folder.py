"""Files written below one folder and nowhere else, hashed as they are written.

Every name is opened part by part, relative to the folder above it and never through a link, and a
file is always a new one: nothing that lies there already can lead a write elsewhere.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from modelservice_runtime.artifacts.sealing.members import Parts
from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES, Chunk, Chunks, ahead
from modelservice_runtime.failure import Failure, Reason

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Written:
    """A file below the folder. `sha256` in hex, `size` in bytes."""

    parts: Parts
    sha256: str
    size: int


@dataclass
class Room:
    """How many bytes may still be written. `whole` is what the volume has, for messages."""

    left: int
    whole: int

    def take(self, size: int) -> None:
        """Take `size` bytes. Raises `Failure` with `ArtifactTooLarge`."""
        if size > self.left:
            raise self.full()
        self.left -= size

    def full(self) -> Failure:
        """`ArtifactTooLarge`."""
        return Failure(
            reason=Reason.ARTIFACT_TOO_LARGE,
            message="Unpacked, the model takes more than the volume for models has room for "
            f"({self.whole / 2**20:.0f} MiB in all). Raise spec.serving.modelStorage.size, if the "
            "model is really that large.",
        )

    def give_back(self, size: int) -> None:
        """What was written has been deleted."""
        self.left += size


@dataclass
class Folder:
    """A new folder `path`, and what was written there. A context manager."""

    path: Path
    room: Room
    files: dict[Parts, Written] = field(default_factory=dict)
    _root: int = -1

    def __enter__(self) -> Self:
        self.path.mkdir(mode=0o750)
        self._root = os.open(self.path, _FOLDER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._root)

    def make(self, parts: Parts) -> None:
        """Make a folder, and those that it lies in."""
        os.close(self._open(parts))

    def write(self, parts: Parts, chunks: Iterable[Chunk]) -> Written:
        """Write a new file as its bytes come."""
        above = self._open(parts[:-1])
        try:
            target = os.open(parts[-1], _NEW_FILE, 0o640, dir_fd=above)
        finally:
            os.close(above)
        digest, size = hashlib.sha256(), 0
        with open(target, "wb", buffering=0) as file, _in_step(self._taken(chunks), digest) as rest:
            for chunk in rest:
                self._write(file.fileno(), chunk)
                size += len(chunk)
        written = Written(parts=parts, sha256=digest.hexdigest(), size=size)
        self.files[parts] = written
        return written

    def remove(self, parts: Parts) -> None:
        """Delete a file that was written, and have its room again."""
        above = self._open(parts[:-1])
        try:
            os.unlink(parts[-1], dir_fd=above)
        finally:
            os.close(above)
        self.room.give_back(self.files.pop(parts).size)

    def _open(self, parts: Parts) -> int:
        folder = os.open(".", _FOLDER, dir_fd=self._root)
        for part in parts:
            above = folder
            try:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o750, dir_fd=above)
                folder = os.open(part, _FOLDER, dir_fd=above)
            finally:
                os.close(above)
        return folder

    def _taken(self, chunks: Iterable[Chunk]) -> Chunks:
        for chunk in chunks:
            self.room.take(len(chunk))
            yield chunk

    def _write(self, target: int, chunk: Chunk) -> None:
        left = memoryview(chunk)
        try:
            while left:
                left = left[os.write(target, left) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self.room.full() from None
            raise


@contextmanager
def _in_step(chunks: Chunks, digest: "hashlib._Hash") -> Iterator[Chunks]:
    """The chunks, hashed: in a thread of its own where there are enough of them to pay for it."""
    first = next(chunks, b"")
    hashed = _hashed(chain((first,), chunks), digest)
    if len(first) < CHUNK_BYTES:
        yield hashed
        return
    with ahead(hashed) as waiting:
        yield waiting


def _hashed(chunks: Chunks, digest: "hashlib._Hash") -> Chunks:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
