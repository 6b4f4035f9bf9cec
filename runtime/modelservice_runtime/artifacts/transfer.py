"""Progress of a download: what, how much of it, how fast, how long still.

It goes to the log as lines and to `/progress` as numbers.
"""

import logging
import time
from collections.abc import Callable

from modelservice_runtime.progress import Progress

_EVERY_SECONDS = 5.0
_MIB = 2**20

log = logging.getLogger(__name__)


class Transfer:
    """A download's listener: a line in the log every five seconds and one at the end; `tell` hears
    each step."""

    def __init__(
        self,
        name: str,
        *,
        tell: Callable[[Progress], None] = lambda progress: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._tell = tell
        self._clock = clock
        self._started = clock()
        self._next = self._started + _EVERY_SECONDS

    def __call__(self, done: int, total: int) -> None:
        """Hear that `done` of `total` bytes are there."""
        now = self._clock()
        rate = done / max(now - self._started, 1e-6)
        left = (total - done) / max(rate, 1.0)
        self._tell(
            Progress(
                phase="Loading",
                message=f"Bringing the model {self._name}.",
                bytes_done=done,
                bytes_total=total,
                bytes_per_second=int(rate),
                eta_seconds=int(left),
            )
        )
        if now < self._next and done < total:
            return
        self._next = now + _EVERY_SECONDS
        log.info(
            "%s: %.1f of %.1f MiB, %.1f MiB/s, %.0f s left",
            self._name,
            done / _MIB,
            total / _MIB,
            rate / _MIB,
            left,
        )
