"""The tap: what it takes out of a stream, and what it leaves for kopf."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from modelservice_operator.controller.tap import TURN, Event, Tap


def line(kind: str, *, version: int) -> bytes:
    metadata = {"name": "digits", "uid": "u", "resourceVersion": str(version)}
    return json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n"


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


EXPIRED = b'{"type":"ERROR","object":{"code":410}}\n'


class Pieces:
    """A stream that has come already, in these pieces."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def tapped(*chunks: bytes) -> tuple[list[Event], list[bytes]]:
    """What is taken of a stream that comes in these pieces, and the lines that are left."""
    taken: list[Event] = []
    tap = Tap(Pieces(*chunks), take=taken.append)
    left = [data async for data in tap.iter_chunked(2**20)]
    return taken, b"".join(left).splitlines(keepends=True)


def versions(events: Sequence[Event]) -> list[str]:
    return [event["object"]["metadata"]["resourceVersion"] for event in events]


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
async def test_changes_are_taken_and_leave_their_version(kind: str) -> None:
    taken, left = await tapped(line(kind, version=7) + line(kind, version=8))
    assert versions(taken) == ["7", "8"]
    assert [event["type"] for event in taken] == [kind, kind]
    assert [json.loads(item) for item in left] == [bookmark(8)]


async def test_the_version_is_told_before_what_ends_the_stream() -> None:
    """The harm: the next stream would begin before what was seen, or after what was not."""
    _, left = await tapped(line("ADDED", version=7) + EXPIRED)
    assert [json.loads(left[0]), left[1]] == [bookmark(7), EXPIRED]


@pytest.mark.parametrize(
    "foreign",
    [EXPIRED, json.dumps(bookmark(9)).encode() + b"\n", b"<html>\n", b'"text"\n', b'{"a":1}\n'],
)
async def test_all_else_is_left_as_it_came(foreign: bytes) -> None:
    taken, left = await tapped(foreign)
    assert taken == []
    assert left == [foreign]


async def test_a_line_that_comes_in_pieces_is_one() -> None:
    whole = line("ADDED", version=7)
    taken, _ = await tapped(whole[:9], whole[9:30], whole[30:])
    assert versions(taken) == ["7"]


async def test_a_line_that_was_cut_is_left_for_kopf_to_stumble_over() -> None:
    cut = line("ADDED", version=8)[:20]
    taken, left = await tapped(line("ADDED", version=7) + cut)
    assert versions(taken) == ["7"]
    assert [json.loads(left[0]), left[1]] == [bookmark(7), cut]


async def test_others_have_a_turn_while_a_stream_catches_up() -> None:
    """The harm: hundreds of events at once, and the lease is not renewed meanwhile."""
    others = 0

    async def count() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    task = asyncio.create_task(count())
    await tapped(b"".join(line("ADDED", version=number) for number in range(10 * TURN)))
    task.cancel()
    assert others >= 9
