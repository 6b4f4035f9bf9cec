"""Workers: who runs when, what failures lead to, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from modelservice_operator.controller.queue import BACKOFF_OUTAGE, Lane, Queue
from modelservice_operator.controller.workers import Workers
from modelservice_operator.kube.errors import Fenced, Throttled, Unavailable
from modelservice_operator.metrics import Metrics
from modelservice_operator.view import Key

KEY = Key("default", "digits")


class Script:
    """A reconcile that does what the test says: return a value, raise, or wait for a gate."""

    def __init__(self, *steps: float | Exception | asyncio.Event | None) -> None:
        self.steps = list(steps)
        self.runs: list[Key] = []
        self.now = 0
        self.peak = 0
        self._ran = asyncio.Condition()

    async def __call__(self, key: Key) -> float | None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            async with self._ran:
                self.runs.append(key)
                self._ran.notify_all()
            step = self.steps.pop(0) if self.steps else None
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
                return None
            return step
        finally:
            self.now -= 1

    async def ran(self, times: int) -> None:
        async with asyncio.timeout(5), self._ran:
            await self._ran.wait_for(lambda: len(self.runs) >= times)


class Clock:
    """Time passes when the test says so, and timers see only that."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make(script: Script, *, slots: int = 4, clock: Callable[[], float] | None = None) -> Workers:
    more = {} if clock is None else {"clock": clock}
    return Workers(
        queue=Queue(jitter=lambda: 0.5),
        reconcile=script,
        slots=dict.fromkeys(Lane, slots),
        metrics=Metrics(),
        **more,
    )


@asynccontextmanager
async def running(workers: Workers) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(workers.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_is_enqueued_runs_also_when_it_came_before_the_start() -> None:
    script = Script()
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(1)
        workers.enqueue(Key("default", "other"), lane=Lane.SHORT)
        await script.ran(2)


async def test_no_more_run_at_a_time_than_a_lane_has_slots() -> None:
    gate = asyncio.Event()
    script = Script(*[gate] * 6)
    workers = make(script, slots=2)
    for number in range(6):
        workers.enqueue(Key("default", f"s{number}"), lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(2)
        gate.set()
        await script.ran(6)
    assert script.peak == 2


async def test_short_work_runs_while_all_normal_slots_wait() -> None:
    gate = asyncio.Event()
    script = Script(gate, gate)
    workers = make(script, slots=2)
    for number in range(2):
        workers.enqueue(Key("default", f"slow{number}"), lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(2)
        workers.enqueue(KEY, lane=Lane.SHORT)
        await script.ran(3)
    assert script.runs[-1] == KEY


async def test_a_run_comes_back_when_it_asked_to() -> None:
    script = Script(0.01)
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(2)


@pytest.mark.parametrize(
    ("error", "level", "traceback"),
    [
        (Unavailable("no answer", kind="Pod"), logging.WARNING, False),
        (RuntimeError("a bug"), logging.ERROR, True),
    ],
)
async def test_a_failed_run_comes_back_and_is_told_once(
    error: Exception, level: int, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(error, error)
    workers = make(script)
    with caplog.at_level(logging.INFO):
        async with running(workers):
            for run in range(1, 4):
                workers.enqueue(KEY, lane=Lane.NORMAL)
                await script.ran(run)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(record.levelno, bool(record.exc_info)) for record in told] == [(level, traceback)]


@pytest.mark.parametrize(("status", "waits"), [(0, False), (429, False), (503, False), (500, True)])
async def test_an_outage_makes_no_long_pauses(status: int, waits: bool) -> None:
    """The API server's return is noticed soon, while a webhook that always fails is let be."""
    clock = Clock()
    errors = [Unavailable("no answer", kind="Pod", status=status) for _ in range(8)]
    script = Script(*errors)
    workers = make(script, clock=clock)
    async with running(workers):
        for run in range(1, 9):
            workers.enqueue(KEY, lane=Lane.NORMAL)
            await script.ran(run)
        clock.now += BACKOFF_OUTAGE
        workers.enqueue(Key("default", "other"), lane=Lane.NORMAL)
        await script.ran(9 if waits else 10)
        assert (KEY in script.runs[8:]) is not waits


async def test_one_services_error_does_not_stop_another() -> None:
    script = Script(RuntimeError("a bug"))
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    workers.enqueue(Key("default", "other"), lane=Lane.NORMAL)
    async with running(workers) as task:
        await script.ran(2)
        assert not task.done()


async def test_the_pause_that_the_server_asks_for_is_kept() -> None:
    clock = Clock()
    script = Script(Throttled("slow down", kind="Pod", retry_after=20.0))
    workers = make(script, clock=clock)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(1)
        clock.now += 19.0
        workers.enqueue(KEY, lane=Lane.NORMAL)
        workers.enqueue(Key("default", "other"), lane=Lane.NORMAL)
        await script.ran(2)
        assert script.runs[1] == Key("default", "other")
        clock.now += 1.0
        workers.enqueue(Key("default", "other"), lane=Lane.NORMAL)
        await script.ran(4)
    assert KEY in script.runs[2:]


async def test_a_run_behind_the_fence_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(Fenced("not the leader"))
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    with caplog.at_level(logging.INFO):
        async with running(workers):
            await script.ran(2)
    assert caplog.records == []


async def test_a_drain_lets_runs_end_and_takes_no_more() -> None:
    gate = asyncio.Event()
    script = Script(gate)
    workers = make(script, slots=1)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    workers.enqueue(Key("default", "waits"), lane=Lane.NORMAL)
    async with running(workers) as task:
        await script.ran(1)
        drain = asyncio.create_task(workers.drain())
        await asyncio.sleep(0)
        assert not drain.done()
        gate.set()
        await asyncio.wait_for(drain, 5)
        await asyncio.wait_for(task, 5)
    assert script.runs == [KEY]


async def test_a_drain_does_not_wait_for_ever() -> None:
    script = Script(asyncio.Event())
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    async with running(workers) as task:
        await script.ran(1)
        await asyncio.wait_for(workers.drain(patience=0.01), 5)
        await asyncio.wait_for(task, 5)


async def test_a_drain_of_a_follower_ends_at_once() -> None:
    await asyncio.wait_for(make(Script()).drain(), 5)


async def test_what_was_cut_off_runs_again_in_the_next_term() -> None:
    script = Script(asyncio.Event())
    workers = make(script)
    workers.enqueue(KEY, lane=Lane.NORMAL)
    async with running(workers):
        await script.ran(1)
    async with running(workers):
        await script.ran(2)
    assert script.runs == [KEY, KEY]
