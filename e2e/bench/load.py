"""Two ways to put load on a server: as fast as so many hands can, and at a given rate.

A closed loop (`together`) says how much can be done. An open loop (`paced`) says how long somebody
waits who does not care how busy the server is: what it measures counts from the time at which a
request was to be sent, so that a server which makes its clients wait does not look fast.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
Work = Callable[[T], Coroutine[None, None, None]]


def now() -> float:
    """Seconds since the epoch, as the API server's audit log has them."""
    return time.time()


async def together(items: Iterable[T], work: Work[T], *, concurrency: int) -> None:
    """Do `work` for all items, at most so many at a time."""
    waiting = iter(items)

    async def hand() -> None:
        for item in waiting:  # they share the iterator
            await work(item)

    async with asyncio.TaskGroup() as hands:
        for _ in range(concurrency):
            hands.create_task(hand())


async def until(condition: Callable[[], bool], *, interval: float, seconds: float) -> float:
    """Ask again and again until `condition` holds; the time then. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of another process, which tells nobody
            await asyncio.sleep(interval)
    return now()


async def paced(items: Sequence[T], work: Work[T], *, rate: float) -> dict[T, float]:
    """Start `work` for `rate` items a second, whatever becomes of earlier ones.

    Returns when each was to be started, in seconds since the epoch, once all have ended.
    """
    began = now()
    intended = {item: began + number / rate for number, item in enumerate(items)}
    async with asyncio.TaskGroup() as tasks:
        for item, at in intended.items():
            pause = at - now()
            if pause > 0:
                await asyncio.sleep(pause)
            tasks.create_task(work(item))
    return intended
