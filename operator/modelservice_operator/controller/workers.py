"""Runs reconciles: takes keys from the queue, a bounded number at a time in each lane.

The only place where an unexpected error of a reconcile is caught. A run that fails comes back
after a pause; one service's error never stops another's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from modelservice_operator.controller.queue import (
    BACKOFF_LAST,
    BACKOFF_OUTAGE,
    Lane,
    Queue,
    Turn,
)
from modelservice_operator.kube.errors import ApiError, Fenced, Unavailable
from modelservice_operator.metrics import Metrics
from modelservice_operator.view import Key

log = logging.getLogger(__name__)

# What a reconcile answers: seconds after which it wants to run again, None for not by itself.
Reconcile = Callable[[Key], Awaitable[float | None]]
PATIENCE: Final = 10.0


class Workers:
    """Feeds `reconcile` from `queue`. Anybody may `enqueue`; only the leader's replica `run`s."""

    def __init__(
        self,
        *,
        queue: Queue,
        reconcile: Reconcile,
        slots: Mapping[Lane, int],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._slots = slots
        self._metrics = metrics
        self._clock = clock
        self._wake = {lane: asyncio.Event() for lane in Lane}
        self._busy = dict.fromkeys(Lane, 0)
        self._failing: set[Key] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._limit: asyncio.Timeout | None = None
        self._stopping = False
        self._ended = asyncio.Event()
        self._ended.set()

    def enqueue(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        """Ask for a reconcile of `key`."""
        self._queue.add(key, lane=lane, now=self._clock(), delay=delay)
        self._notify()

    async def run(self) -> None:
        """Reconcile until `drain`; when cancelled, what runs is cut off and queued again."""
        self._stopping = False
        self._ended.clear()
        try:
            async with asyncio.timeout(None) as self._limit, asyncio.TaskGroup() as tasks:
                for lane in Lane:
                    tasks.create_task(self._dispatch(lane, tasks=tasks))
        except TimeoutError:
            log.warning("reconciles were cut off because they did not end in time")
        finally:
            self._limit = None
            self._ended.set()
            if self._timer is not None:
                self._timer.cancel()

    async def drain(self, *, patience: float = PATIENCE) -> None:
        """Take nothing more, and wait until what runs has ended: at most `patience` seconds."""
        self._stopping = True
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + patience)
        self._notify()
        await self._ended.wait()

    async def _dispatch(self, lane: Lane, *, tasks: asyncio.TaskGroup) -> None:
        wake = self._wake[lane]
        while not self._stopping:
            wake.clear()
            while self._busy[lane] < self._slots[lane]:
                turn = self._queue.take(lane, now=self._clock())
                if turn is None:
                    break
                self._busy[lane] += 1
                tasks.create_task(self._run(turn, lane=lane))
            self._arm()
            await wake.wait()

    def _arm(self) -> None:
        """Wake up when the next delayed key is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._queue.next_due()
        if due is not None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._notify)

    def _notify(self) -> None:
        for wake in self._wake.values():
            wake.set()

    async def _run(self, turn: Turn, *, lane: Lane) -> None:
        began = self._clock()
        result = "cut_off"
        try:
            result = await self._attempt(turn.key)
        finally:
            if result == "cut_off":
                self._queue.release(turn.key, now=self._clock())
            self._busy[lane] -= 1
            self._metrics.queue_seconds.labels(lane.value).observe(turn.waited)
            self._metrics.reconcile_seconds.labels(lane.value).observe(self._clock() - began)
            self._metrics.reconciles.labels(lane.value, result).inc()
            self._notify()

    async def _attempt(self, key: Key) -> str:
        try:
            requeue = await self._reconcile(key)
        except Fenced:
            # The lease is lost; whoever leads next reconciles everything.
            self._queue.retry(key, now=self._clock())
            return "fenced"
        except Unavailable as error:
            limit = BACKOFF_OUTAGE if error.outage else BACKOFF_LAST
            pause = self._queue.retry(key, now=self._clock(), after=error.retry_after, limit=limit)
            self._tell(key, f"{type(error).__name__}: {error}", pause=pause)
            return "error"
        except ApiError as error:
            pause = self._queue.retry(key, now=self._clock())
            self._tell(key, f"{type(error).__name__}: {error}", pause=pause)
            return "error"
        except Exception:  # noqa: BLE001 - a bug in one service's path must not stop the others
            pause = self._queue.retry(key, now=self._clock())
            self._tell(key, "unexpected error", pause=pause, bug=True)
            return "error"
        self._failing.discard(key)
        self._queue.done(key, now=self._clock(), requeue=requeue)
        return "ok"

    def _tell(self, key: Key, problem: str, *, pause: float, bug: bool = False) -> None:
        """Log the first of a row of failures in full, the others for those who look for them."""
        first = key not in self._failing
        self._failing.add(key)
        level = logging.DEBUG if not first else logging.ERROR if bug else logging.WARNING
        log.log(
            level,
            "the reconcile failed and is tried again: %s",
            problem,
            extra={"key": key, "retry_after": round(pause, 1)},
            exc_info=first and bug,
        )
