"""Reading one object as ranges that travel in parallel and are used in order.

A single HTTP stream rarely fills the line. A window of ranges does, and because the first of the
window is always taken first, the digest can be computed and the file written as the bytes come,
with no more than `WINDOW` ranges in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore import GetOptions

RANGE_BYTES = 8 * 1024 * 1024
WINDOW = 8


Read = Callable[[int, int], Awaitable[memoryview]]
"""Called with (start, end) of a range; exactly its bytes."""


def ordered(
    store: S3Store, *, key: str, size: int, etag: str | None
) -> AsyncGenerator[memoryview, None]:
    """Yield the object's bytes in order; every range is of the version that `etag` names."""
    return windowed(partial(_read, store, key=key, etag=etag), size=size)


async def windowed(read: Read, *, size: int) -> AsyncGenerator[memoryview, None]:
    """Yield `size` bytes in order, read as parallel ranges."""
    offsets = iter(range(0, size, RANGE_BYTES))
    window: deque[asyncio.Future[memoryview]] = deque()
    try:
        while True:
            while len(window) < WINDOW and (start := next(offsets, None)) is not None:
                end = min(start + RANGE_BYTES, size)
                window.append(asyncio.ensure_future(read(start, end)))
            if not window:
                return
            yield await window.popleft()
    finally:
        for task in window:
            task.cancel()
        await asyncio.gather(*window, return_exceptions=True)


async def _read(store: S3Store, start: int, end: int, *, key: str, etag: str | None) -> memoryview:
    options: GetOptions = {"range": (start, end)}
    if etag is not None:
        options["if_match"] = etag
    result = await obstore.get_async(store, key, options=options)
    data = memoryview(await result.bytes_async())
    if len(data) != end - start:
        raise ConnectionError(f"storage sent {len(data)} bytes of {end - start}")
    return data
