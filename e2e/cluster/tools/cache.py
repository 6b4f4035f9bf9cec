"""The machine's cache of tools: where it is, one writer at a time, and room for it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.report import step

CACHE = Path.home() / ".cache" / "modelservice"


@contextmanager
def alone() -> Iterator[None]:
    """Be the only one who adds to the cache; the kernel frees the lock of whoever is killed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "tools.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting for another build"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_space(path: Path, *, gib: float, purpose: str) -> None:
    """Raise Problem where the file system of `path` has less than `gib` GiB free."""
    free = shutil.disk_usage(path).free / 2**30
    if free < gib:
        raise Problem(
            f"{purpose} needs {gib:.0f} GiB, and the disk of {path} has {free:.1f} GiB free",
            advice="make room there",
        )
