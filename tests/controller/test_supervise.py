"""The supervisor: starts again whatever happened, with pauses that grow and are forgotten."""

from __future__ import annotations

import asyncio

import pytest

from modelservice_operator.controller.supervise import PAUSE_LAST, WELL, supervise


class Enough(BaseException):
    """Ends the test's endless loop."""


class World:
    def __init__(self, *ends: Exception | None, lasts: float = 0.0) -> None:
        self.ends = list(ends)
        self.lasts = lasts
        self.pauses: list[float] = []
        self.now = 0.0

    async def start(self) -> None:
        self.now += self.lasts
        if not self.ends:
            raise Enough
        end = self.ends.pop(0)
        if end is not None:
            raise end

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self) -> None:
        with pytest.raises(Enough):
            await supervise(self.start, name="it", pause=self.pause, clock=lambda: self.now)


async def test_it_starts_again_after_an_error_and_after_an_end() -> None:
    world = World(RuntimeError("broken"), None, OSError("gone"))
    await world.run()
    assert len(world.pauses) == 3


async def test_pauses_grow_up_to_a_limit() -> None:
    world = World(*[RuntimeError("broken")] * 10)
    await world.run()
    assert 0.4 <= world.pauses[0] <= 0.6
    assert world.pauses[0] < world.pauses[2] < PAUSE_LAST * 1.2
    assert max(world.pauses) <= PAUSE_LAST * 1.2


async def test_a_long_good_run_forgets_the_troubles_before() -> None:
    world = World(*[RuntimeError("broken")] * 5, lasts=WELL + 1)
    await world.run()
    assert max(world.pauses) <= 0.6


async def test_cancellation_ends_it() -> None:
    task = asyncio.create_task(supervise(asyncio.Event().wait, name="it"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
