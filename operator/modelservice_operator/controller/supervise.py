"""Keeps something alive that is not meant to end: starts it again in the same process.

The watch engine ends on answers that an API server gives in ordinary life (a 410, a 403 in its
first moments). Leaving the process for that would put all replicas into CrashLoopBackOff during
an outage, and lose the store.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

log = logging.getLogger(__name__)

PAUSE_FIRST: Final = 0.5
PAUSE_LAST: Final = 5.0
# What has run this long was well: its end is a new trouble, not the old one.
WELL: Final = 60.0


async def supervise(
    start: Callable[[], Awaitable[None]],
    *,
    name: str,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Await `start()` again and again, with growing pauses; ends by cancellation only."""
    delay = PAUSE_FIRST
    while True:
        began = clock()
        try:
            await start()
        except Exception as error:  # noqa: BLE001 - whatever it ended with, it has to go on
            problem = f"{type(error).__name__}: {error}"
        else:
            problem = "it ended"
        if clock() - began > WELL:
            delay = PAUSE_FIRST
        wait = delay * random.uniform(0.8, 1.2)  # noqa: S311
        log.warning("%s starts again in %.1f s: %s", name, wait, problem)
        await pause(wait)
        delay = min(2 * delay, PAUSE_LAST)
