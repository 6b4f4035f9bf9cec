"""Takes the changes of objects out of a watch's stream, before kopf sees them.

Stands between aiohttp and kopf in a stream that kopf opened and looks after. kopf would make a
task, a queue and a set of causes for each event, which is a third of what a new service costs; it
gets a bookmark instead, so that it goes on from the right version when the stream ends
(docs/decisions/0008-events-are-tapped.md). All else is kopf's: errors, bookmarks, what is cut.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, Protocol

Event = dict[str, Any]

_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
# After so many events in a row others have a turn: a stream that catches up brings hundreds.
TURN: Final = 16


class Content(Protocol):
    """aiohttp's StreamReader."""

    def iter_chunked(self, n: int, /) -> AsyncIterator[bytes]:
        """Its bytes, at most `n` at a time."""


class Tap:
    """A response's content, in place of it. `take` gets each change and may not fail."""

    def __init__(self, content: Content, *, take: Callable[[Event], None]) -> None:
        self._content = content
        self._take = take

    def __getattr__(self, name: str) -> Any:
        # aiohttp closes what it opened.
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """What is left of the stream, in whole lines, but for a last one that was cut."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            for begin in range(0, len(lines), TURN):
                yield b"".join(self._left(lines[begin : begin + TURN]))
                await asyncio.sleep(0)
        if rest:
            yield rest

    def _left(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """What kopf gets for `lines`: in place of changes in a row the version of the last."""
        version = None
        for line in lines:
            event = _change(line)
            if event is not None:
                self._take(event)
                version = event["object"]["metadata"]["resourceVersion"]
                continue
            if version is not None:
                yield _bookmark(version)
                version = None
            yield line + b"\n"
        if version is not None:
            yield _bookmark(version)


def _change(line: bytes) -> Event | None:
    """The change of an object that a line tells of, if it does."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("type") not in _CHANGES:
        return None
    return event


def _bookmark(version: str) -> bytes:
    told = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
    return json.dumps(told).encode() + b"\n"
