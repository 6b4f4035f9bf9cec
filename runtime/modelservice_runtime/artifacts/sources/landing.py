"""A file on its way to the models' volume: it appears whole or not at all, with its digest.

What every source but S3 writes through. Bytes are counted against what was announced, so that a
server that sends more fills no disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from modelservice_runtime.artifacts.errors import full
from modelservice_runtime.artifacts.sources.source import Chunk
from modelservice_runtime.artifacts.storage import Download, OnProgress
from modelservice_runtime.failure import Failure, Reason


def counted(
    chunks: Iterable[Chunk], *, uri: str, size: int, on_progress: OnProgress
) -> Iterator[Chunk]:
    """The same, if they are `size` bytes; `StorageUnavailable` for more and for fewer."""
    done = 0
    for chunk in chunks:
        done += len(chunk)
        if done > size:
            raise _other(uri, size=size, how="more")
        on_progress(done, size)
        yield chunk
    if done < size:
        raise _other(uri, size=size, how="fewer")


def not_announced(uri: str) -> Failure:
    """What came is not what the server announced."""
    return Failure(
        reason=Reason.STORAGE_UNAVAILABLE,
        message=f"{uri} came with other bytes than its manifest announces. See to the server that "
        "it comes from.",
    )


def _other(uri: str, *, size: int, how: str) -> Failure:
    return Failure(
        reason=Reason.STORAGE_UNAVAILABLE,
        message=f"{uri} came with {how} bytes than its size of {size}. See that the file is whole, "
        "and that nothing writes it while it is read.",
    )


class Landing:
    """Takes the `size` bytes of `uri` in order and puts them to `target` when its block ends.

    `digest` is that of the bytes, where something announced it.
    """

    def __init__(self, target: Path, *, uri: str, size: int, digest: str | None = None) -> None:
        self._target = target
        self._partial = target.with_name(f".{target.name}.partial")
        self._uri = uri
        self._size = size
        self._expected = digest
        self._digest = hashlib.sha256()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        usage = os.statvfs(self._target.parent)
        if self._size > usage.f_bavail * usage.f_frsize:
            raise full(self._uri, size=self._size)
        self._file = self._partial.open("wb")
        return self

    def add(self, chunk: bytes | memoryview) -> None:
        """Write what comes next."""
        self._digest.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise self._unwritten(error) from None

    def finish(self) -> Download:
        """Let the file appear; `StorageUnavailable` where the bytes are others than announced."""
        digest = f"sha256:{self._digest.hexdigest()}"
        if self._expected not in (None, digest):
            raise not_announced(self._uri)
        try:
            self._file.close()
        except OSError as error:
            raise self._unwritten(error) from None
        self._partial.replace(self._target)
        return Download(
            digest=digest,
            size=self._size,
            seconds=time.monotonic() - self._started,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._partial.unlink(missing_ok=True)
        self._file.close()

    def _unwritten(self, error: OSError) -> Exception:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return full(self._uri, size=self._size)
        return error
