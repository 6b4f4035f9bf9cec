"""What a plan does to the lines of a watch."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

from e2e.faults.plan import Action, Fault, Match
from e2e.faults.record import Trace
from e2e.faults.rules import Rules
from e2e.faults.stream import Relay
from e2e.faults.target import Target

ABOUT = Target(verb="watch", path="/api/v1/pods", kind="Pod", namespace="n")


def line(name: str, what: str = "ADDED") -> bytes:
    return json.dumps({"type": what, "object": {"metadata": {"name": name}}}).encode() + b"\n"


LINES = [line("a"), line("b"), line("c")]


class Stream:
    """A watch of three events that ends in order."""

    def __init__(self, *faults: Fault) -> None:
        self.trace = Trace()
        self.rules = Rules(faults)
        self.source = aiohttp.StreamReader(_Protocol(), 2**16, loop=asyncio.get_running_loop())
        self.written: list[bytes] = []
        self.complete = asyncio.Event()
        self.held: list[bytes] = []  # what had been written when an event was held

    async def write(self, chunk: bytes) -> None:
        self.written.append(chunk)
        if self.text.count(b"\n") == len(LINES):
            self.complete.set()

    async def hold(self, fault: Fault) -> None:
        self.held.append(b"".join(self.written))

    async def run(self) -> bool:
        relay = Relay(
            rules=self.rules,
            trace=self.trace,
            about=ABOUT,
            process=1,
            hold=self.hold,
            clock=time.monotonic,
        )
        return await relay.run(self.source, write=self.write)

    async def play(self, *chunks: bytes) -> bool:
        for chunk in chunks:
            self.source.feed_data(chunk)
        self.source.feed_eof()
        return await self.run()

    @property
    def text(self) -> bytes:
        return b"".join(self.written)


class _Protocol(aiohttp.base_protocol.BaseProtocol):
    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())

    @property
    def connected(self) -> bool:
        return True


def at(action: Action, name: str = "b", **more: float | int) -> Fault:
    return Fault(action=action, match=Match(kind="Pod", name=name), **more)  # type: ignore[arg-type]


async def test_lines_pass_as_they_are_however_they_are_broken() -> None:
    stream = Stream()
    text = b"".join(LINES)
    assert await stream.play(text[:10], text[10:50], text[50:])
    assert stream.text == text
    assert [event.name for event in stream.trace.events] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        (Action.DROP, [LINES[0], LINES[2]]),
        (Action.DUPLICATE, [LINES[0], LINES[1], LINES[1], LINES[2]]),
        (Action.REORDER, [LINES[0], LINES[2], LINES[1]]),
        (Action.CLOSE, [LINES[0]]),
        (Action.CUT_LINE, [LINES[0], LINES[1][: len(LINES[1]) // 2]]),
        (Action.GARBLE, [LINES[0], LINES[1][: len(LINES[1]) // 2] + b"\n", LINES[2]]),
    ],
)
async def test_what_is_left_of_three_events(action: Action, wanted: list[bytes]) -> None:
    stream = Stream(at(action))
    assert await stream.play(*LINES)
    assert stream.text == b"".join(wanted)
    assert stream.rules.fired == [1]


async def test_a_reset_is_not_an_end() -> None:
    stream = Stream(at(Action.RESET_STREAM))
    assert not await stream.play(*LINES)
    assert stream.text == LINES[0]


async def test_an_error_is_the_last_word() -> None:
    stream = Stream(at(Action.ERROR, status=410))
    assert await stream.play(*LINES)
    first, last = stream.text.splitlines()
    assert first + b"\n" == LINES[0]
    told = json.loads(last)
    assert (told["type"], told["object"]["code"]) == ("ERROR", 410)
    assert told["object"]["reason"] == "Expired"


async def test_a_held_event_holds_up_all_that_follow() -> None:
    stream = Stream(at(Action.HOLD))
    assert await stream.play(*LINES)
    assert stream.held == [LINES[0]]
    assert stream.text == b"".join(LINES)


async def test_the_last_event_of_a_stream_waits_for_none_to_overtake_it_for_ever() -> None:
    stream = Stream(at(Action.REORDER, name="c", seconds=0.01))
    for text in LINES:
        stream.source.feed_data(text)
    running = asyncio.create_task(stream.run())
    async with asyncio.timeout(5):
        await stream.complete.wait()
    assert stream.text == b"".join(LINES)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_bookmarks_are_no_events() -> None:
    mark = line("a", "BOOKMARK")
    stream = Stream(at(Action.DROP, name="*"))
    assert await stream.play(mark, LINES[0])
    assert stream.text == mark
    assert len(stream.trace.events) == 1
