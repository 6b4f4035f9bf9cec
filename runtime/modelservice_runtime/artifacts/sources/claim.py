"""`pvc://claim/path`: a file of a volume that is mounted to be read only.

Whoever writes the volume may put links and devices there, and change them while we look. Links are
followed where they stay inside the volume (caches of hubs are made of them): the path is resolved
first, and then walked without any link, so that one that is swapped meanwhile leads nowhere.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelservice_runtime.artifacts.sources.landing import Landing, counted
from modelservice_runtime.artifacts.sources.source import Chunk
from modelservice_runtime.artifacts.storage import Download, Head, OnProgress
from modelservice_runtime.failure import Failure, Reason

CHUNK: Final = 8 * 1024 * 1024
_URI: Final = re.compile(r"pvc://([a-z0-9][a-z0-9.-]{0,252})/(.+)")
# Found but not to be opened: not a file's path, or a link where the walk expects none.
_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True)
class ClaimSource:
    """The file at `path` of the claim that is mounted at `root`."""

    uri: str
    root: Path
    path: str

    def head(self) -> Head:
        """Size, and what changes with the file as its version."""
        with self._opened() as file:
            return _head(os.fstat(file))

    @property
    def announced(self) -> None:
        """A file says nothing of its bytes."""
        return None

    def chunks(
        self, *, on_progress: OnProgress = lambda done, total: None
    ) -> Generator[Chunk, None, None]:
        """The file's bytes in order; `StorageUnavailable` where somebody writes it meanwhile."""
        with self._opened() as file:
            head = _head(os.fstat(file))
            read = iter(lambda: self._read(file), b"")
            yield from counted(read, uri=self.uri, size=head.size, on_progress=on_progress)
            if _head(os.fstat(file)) != head:
                raise self._failure(
                    Reason.STORAGE_UNAVAILABLE, "was changed while it was being read."
                )

    def download(
        self, target: Path, *, on_progress: OnProgress = lambda done, total: None
    ) -> Download:
        """Copy the file to `target`, which appears whole or not at all."""
        with Landing(target, uri=self.uri, size=self.head().size) as landing:
            for chunk in self.chunks(on_progress=on_progress):
                landing.add(chunk)
            return landing.finish()

    def _read(self, file: int) -> bytes:
        try:
            return os.read(file, CHUNK)
        except OSError as error:
            raise self._unopened(error) from None

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, open for reading."""
        try:
            descriptor = self._walk(self._resolved())
        except OSError as error:
            raise self._unopened(error) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _resolved(self) -> tuple[str, ...]:
        """The parts of the path below the root, with its links followed."""
        root = Path(os.path.realpath(self.root))
        found = Path(os.path.realpath(root / self.path, strict=True))
        if not found.is_relative_to(root):
            raise self._failure(
                Reason.SOURCE_REFUSED,
                "is a link that leads out of the volume. Put the file itself there.",
            )
        return found.relative_to(root).parts

    def _walk(self, parts: tuple[str, ...]) -> int:
        """Open a path that has no links; what is no file is never opened, only looked at."""
        at = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                os.close(at)
                at = below
            kind = os.fstat(at).st_mode
            if stat.S_ISDIR(kind):
                raise self._failure(
                    Reason.SOURCE_NOT_FOUND, "is a folder. Name a file in source.uri."
                )
            if not stat.S_ISREG(kind):
                raise self._failure(
                    Reason.SOURCE_REFUSED, "is a device, a pipe or a link, and not a file."
                )
            return os.open(f"/proc/self/fd/{at}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            with suppress(OSError):
                os.close(at)

    def _unopened(self, error: OSError) -> Failure:
        if error.errno in _NO_FILE:
            return self._failure(
                Reason.SOURCE_NOT_FOUND,
                "does not exist. Put the file there, or correct source.uri.",
            )
        if error.errno in _DENIED:
            return self._failure(
                Reason.ACCESS_DENIED,
                f"may not be read by the pods' user ({os.getuid()}). Let others read the file, and "
                "enter its folders: chmod o+r, o+x.",
            )
        if error.errno == errno.ELOOP:
            return self._failure(Reason.SOURCE_REFUSED, "is a link that leads in circles.")
        return self._failure(
            Reason.STORAGE_UNAVAILABLE,
            f"cannot be read ({os.strerror(error.errno or errno.EIO)}). See to the volume.",
        )

    def _failure(self, reason: Reason, what: str) -> Failure:
        return Failure(reason=reason, message=f"{self.uri} {what}")


def open_claim(uri: str, *, claims: Path) -> ClaimSource:
    """The file at a `pvc://` address; `claims` is where claims are mounted, each by its name."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise Failure(
            reason=Reason.SOURCE_NOT_FOUND,
            message=f"{uri} is no address in a claim. Write it as pvc://claim/path/model.onnx.",
        )
    return ClaimSource(uri=uri, root=claims / match[1], path=match[2])


def _head(found: os.stat_result) -> Head:
    return Head(size=found.st_size, etag=f"{found.st_ino}-{found.st_mtime_ns}")
