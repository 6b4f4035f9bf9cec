"""Where images are made: one directory of the cache, buildah's storage and wheels included."""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """The directories of one cache.

    Nothing outside it is written, but buildah's own index of blobs (/var/lib/containers/cache).
    """

    cache: Path

    @property
    def storage(self) -> Path:
        """buildah's storage, apart from the user's own."""
        return self.cache / "storage"

    @property
    def state(self) -> Path:
        """buildah's run-time state; worthless when no build runs."""
        return self.cache / "run"

    @property
    def work(self) -> Path:
        """Unfinished things; worthless when no build runs."""
        return self.cache / "work"

    @property
    def wheels(self) -> Path:
        """Downloaded Python packages, a directory for each set of pins."""
        return self.cache / "wheels"

    @property
    def logs(self) -> Path:
        """The output of each image's last build."""
        return self.cache / "logs"

    @property
    def lock(self) -> Path:
        """Held by the one run that may use all of the above."""
        return self.cache / "lock"


def default() -> Places:
    """The places of this user (`$XDG_CACHE_HOME` is honoured)."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Places(cache=Path(home).expanduser() / "modelservice" / "images")
