"""One `up`, `down`, `stop` or `start` at a time on a machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster.report import note


def _current(descriptor: int, path: Path) -> bool:
    """Whether `path` is still the file that was opened, and not removed by its last holder."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for its holder; it is gone afterwards.

    The kernel frees the lock of a holder that was killed.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode().strip()
                note(f"waiting for process {holder}, which is at work on the cluster")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _current(descriptor, path):
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)
