"""The cache is used by one run at a time, and a killed run's remains go before the next starts."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import report
from e2e.images.places import Places


def mounted_below(directory: Path, *, mountinfo: str) -> list[str]:
    """The mount points below `directory`, deepest first, from the text of /proc/self/mountinfo."""
    points = [line.split(" ")[4] for line in mountinfo.splitlines()]
    below = [point for point in points if point.startswith(f"{directory}/")]
    return sorted(below, key=lambda point: point.count("/"), reverse=True)


def _clear(places: Places) -> None:
    """Mounts, the run-time state that counts them, and unfinished files."""
    mountinfo = Path("/proc/self/mountinfo").read_text()
    for point in mounted_below(places.cache, mountinfo=mountinfo):
        subprocess.run(["umount", "--lazy", point], check=False)
    for worthless in (places.state, places.work):
        if worthless.exists():
            shutil.rmtree(worthless)


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Hold the cache: wait for another run, clear what a killed one left, leave nothing oneself."""
    places.cache.mkdir(parents=True, exist_ok=True)
    handle = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.note("another run is making images: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        _clear(places)
        places.work.mkdir()
        yield
        _clear(places)
    finally:
        os.close(handle)
