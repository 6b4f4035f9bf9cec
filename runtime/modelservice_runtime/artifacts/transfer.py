"""Progress of a download as lines in the log: what, how much of it, how fast, how long still."""

import logging
import time
from collections.abc import Callable

_EVERY_SECONDS = 5.0
_MIB = 2**20

log = logging.getLogger(__name__)


class TransferLog:
    """A `Storage.download` listener that logs a line every five seconds and one at the end."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._started = clock()
        self._next = self._started + _EVERY_SECONDS

    def __call__(self, done: int, total: int) -> None:
        """Hear that `done` of `total` bytes are there."""
        now = self._clock()
        if now < self._next and done < total:
            return
        self._next = now + _EVERY_SECONDS
        rate = done / max(now - self._started, 1e-6)
        log.info(
            "%s: %.1f of %.1f MiB, %.1f MiB/s, %.0f s left",
            self._name,
            done / _MIB,
            total / _MIB,
            rate / _MIB,
            (total - done) / max(rate, 1.0),
        )
