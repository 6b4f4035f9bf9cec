"""Passes a watch on, line by line, with what a plan does to its events.

The lines themselves are passed on as they came: they are parsed for the record and for matching,
never written anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from e2e.faults import answers
from e2e.faults.plan import Action, Fault, Match
from e2e.faults.record import Trace, WatchEvent
from e2e.faults.rules import Rules
from e2e.faults.target import Target

Write = Callable[[bytes], Awaitable[object]]
Hold = Callable[[Fault], Awaitable[None]]

# How long an event waits for another one to go before it, if its fault does not say.
PATIENCE: Final = 2.0


class _End(Exception):  # noqa: N818 - an end, not an error
    """The stream is over: in order, or by a reset."""

    def __init__(self, *, orderly: bool) -> None:
        self.orderly = orderly


class Relay:
    """One watch of one process."""

    def __init__(
        self,
        *,
        rules: Rules,
        trace: Trace,
        about: Target,
        process: int,
        hold: Hold,
        clock: Callable[[], float],
    ) -> None:
        """`hold` returns when a held event may go on."""
        self._hold = hold
        self._rules = rules
        self._trace = trace
        self._about = about
        self._process = process
        self._clock = clock
        # an event that lets the next one go before it, and until when it does
        self._late = b""
        self._due = 0.0
        self._out: list[bytes] = []  # what is to be written

    async def run(self, source: aiohttp.StreamReader, *, write: Write) -> bool:
        """Pass on until either side ends; whether it ends in order (or by a reset)."""
        rest = b""
        try:
            while True:
                chunk = await self._read(source)
                if not chunk:
                    self._release()
                    await self._send(write)
                    if chunk is None:
                        continue
                    return True
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    await self._pass(line + b"\n", write=write)
                await self._send(write)
        except _End as end:
            await self._send(write)
            return end.orderly
        except aiohttp.ClientError:  # the API server is gone
            return False

    async def _read(self, source: aiohttp.StreamReader) -> bytes | None:
        """What there is next; nothing at the end; None where the late event's time has come."""
        if not self._late:
            return await source.readany()
        try:
            async with asyncio.timeout(max(0.0, self._due - self._clock())):
                return await source.readany()
        except TimeoutError:
            return None

    def _release(self) -> None:
        """Let the late event go."""
        if self._late:
            self._out.append(self._late)
            self._late = b""

    async def _send(self, write: Write) -> None:
        """What has passed so far, at once."""
        if self._out:
            text = b"".join(self._out)
            self._out.clear()
            await write(text)

    async def _pass(self, line: bytes, *, write: Write) -> None:
        event = json.loads(line)
        kind = event["type"]
        if kind == "BOOKMARK":
            self._out.append(line)
            return
        seen = Match(
            verb="watch",
            kind=self._about.kind,
            name=event["object"].get("metadata", {}).get("name", ""),
            subresource="",
            type=kind,
            process=self._process,
        )
        faults = self._rules.event(seen) if self._rules.watches_events else []
        self._trace.events.append(
            WatchEvent(
                at=self._clock(),
                process=self._process,
                kind=self._about.kind,
                type=kind,
                object=event["object"],
                fault=" ".join(fault.label for fault in faults),
            )
        )
        for fault in faults:
            line = await self._suffer(fault, line=line, write=write)
        if line:
            self._out.append(line)
            self._release()

    async def _suffer(self, fault: Fault, *, line: bytes, write: Write) -> bytes:
        """What a fault leaves to be written of a line. Raises _End where it ends the stream."""
        match fault.action:
            case Action.DROP:
                return b""
            case Action.DUPLICATE:
                return line + line
            case Action.HOLD:
                await self._send(write)
                await self._hold(fault)
                return line
            case Action.REORDER:
                self._late += line
                self._due = self._clock() + (fault.seconds or PATIENCE)
                return b""
            case Action.GARBLE:
                return line[: len(line) // 2] + b"\n"
            case Action.CUT_LINE:
                self._out.append(line[: len(line) // 2])
                raise _End(orderly=True)
            case Action.ERROR:
                self._out.append(answers.error_event(fault, target=self._about))
                raise _End(orderly=True)
            case Action.CLOSE:
                raise _End(orderly=True)
            case _:
                raise _End(orderly=False)
