"""Whether the executor's processes live: Triton itself does not notice when one is killed.

Triton runs every Python-backend instance in a process of its own. When the kernel kills one (out
of memory), the model stays "ready" and answers every request with an error, for ever. So each
instance holds a lock on one of the files beside its model for as long as it lives, and the kernel
frees the lock when it dies: no process has to tell.
"""

import fcntl
from pathlib import Path

_FOLDER = "instances"
_SPARE = 4  # the agent holds a lock for a moment when it looks


def prepare(version: Path, *, instances: int) -> None:
    """Make the files to lock; twice as many, since a reload starts new instances beside the old."""
    folder = version / _FOLDER
    folder.mkdir(exist_ok=True)
    for slot in range(2 * instances + _SPARE):
        (folder / f"{slot:03}").touch()


class Pulse:
    """Watches the instances of one model version. Without an executor there is nothing to watch."""

    def __init__(self, version: Path, *, instances: int) -> None:
        self._folder = version / _FOLDER
        self._program = version / "model.py"
        self._instances = instances
        self._seen = False

    def lost(self) -> bool:
        """Whether instances that were all alive before are not all alive now."""
        if not self._folder.is_dir():
            return False
        alive = sum(_locked(slot) for slot in self._folder.iterdir())
        if alive >= self._instances:
            self._seen = True
            return False
        return self._seen

    def renew(self) -> None:
        """Let Triton's next load start new instances: it keeps a version whose files are as old."""
        self._seen = False
        self._program.touch()


def _locked(path: Path) -> bool:
    with path.open() as file:
        try:
            # Closing the file frees it again. flock needs no right to write, as the executor has
            # none, and is forgotten only with the open file, not with any close in the process.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
