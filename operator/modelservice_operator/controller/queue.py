"""Which service is reconciled next. Pure: time comes in with each call, so tests own the clock.

One run per key at a time. What comes while a key waits or runs is one more run, not many. Two
lanes, so that status work never waits behind creations; in a lane the namespaces take turns, so
that nobody waits behind another's thousand services.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modelservice_operator.view import Key

BACKOFF_FIRST: Final = 0.5
BACKOFF_LAST: Final = 300.0
# While the API server is away: its return should be noticed soon, and what waits is bounded by
# the slots of the workers.
BACKOFF_OUTAGE: Final = 3.0


class Lane(Enum):
    NORMAL = "normal"  # a new or changed spec: creations, slow writes
    SHORT = "short"  # children and pods moved: mostly a status write


@dataclass(slots=True)
class _Waiting:
    """Keys of one lane that may run now, by namespace; each with the time since when it waits."""

    namespaces: OrderedDict[str, OrderedDict[Key, float]] = field(default_factory=OrderedDict)
    count: int = 0

    def add(self, key: Key, since: float) -> None:
        self.namespaces.setdefault(key.namespace, OrderedDict())[key] = since
        self.count += 1

    def remove(self, key: Key) -> float:
        keys = self.namespaces[key.namespace]
        since = keys.pop(key)
        if not keys:
            del self.namespaces[key.namespace]
        self.count -= 1
        return since

    def take(self) -> tuple[Key, float]:
        namespace, keys = next(iter(self.namespaces.items()))
        key = next(iter(keys))
        since = self.remove(key)
        if keys:
            self.namespaces.move_to_end(namespace)
        return key, since


@dataclass(frozen=True, slots=True)
class _Pause:
    until: float
    demanded: bool  # by the server, not by our own caution


@dataclass(frozen=True, slots=True)
class Turn:
    """A key to reconcile now, and how long it had waited since it could have run."""

    key: Key
    waited: float


class Queue:
    """All times are seconds of one monotonic clock."""

    def __init__(self, *, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._waiting = {lane: _Waiting() for lane in Lane}
        self._lanes: dict[Key, Lane] = {}  # of the keys that wait
        self._running: dict[Key, Lane | None] = {}  # what came meanwhile
        self._due: dict[Key, tuple[float, Lane]] = {}
        self._timers: list[tuple[float, Key]] = []  # a heap; entries that `_due` disowns are stale
        self._failures: dict[Key, int] = {}
        self._pauses: dict[Key, _Pause] = {}

    def add(self, key: Key, *, lane: Lane, now: float, delay: float = 0.0) -> None:
        """Ask for a run, now or after `delay`; of several delays the earliest counts.

        After a failure, SHORT work waits for the end of the pause. A NORMAL add does not, because
        the new spec may be the cure, unless the server itself asked for the pause.
        """
        pause = self._pauses.get(key)
        if pause is not None and (lane is Lane.SHORT or pause.demanded):
            delay = max(delay, pause.until - now)
        if delay > 0:
            self._schedule(key, lane=lane, at=now + delay)
        elif key in self._running:
            self._running[key] = _stronger(self._running[key], lane)
        else:
            self._enqueue(key, lane=lane, now=now)

    def take(self, lane: Lane, *, now: float) -> Turn | None:
        """The next key of a lane, which then runs until `done`, `retry` or `release`."""
        self._promote(now)
        waiting = self._waiting[lane]
        if not waiting.count:
            return None
        key, since = waiting.take()
        del self._lanes[key]
        # The run decides itself when it wants to come back.
        self._due.pop(key, None)
        self._running[key] = None
        return Turn(key, max(0.0, now - since))

    def done(self, key: Key, *, now: float, requeue: float | None) -> None:
        """A run ended well; it wants to come back after `requeue` seconds."""
        self._failures.pop(key, None)
        self._pauses.pop(key, None)
        self._finish(key, now=now)
        if requeue is not None:
            self.add(key, lane=Lane.SHORT, now=now, delay=max(requeue, 0.001))

    def retry(
        self, key: Key, *, now: float, after: float = 0.0, limit: float = BACKOFF_LAST
    ) -> float:
        """A run failed: it comes back after a growing pause, which is returned.

        `after` is a pause that the server asks for, `limit` the longest of our own.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause = min(BACKOFF_FIRST * 2.0 ** min(failures, 20), limit)
        pause = max(pause * (0.8 + 0.4 * self._jitter()), after)
        self._pauses[key] = _Pause(now + pause, demanded=after > 0)
        arrived = self._running.pop(key)
        if arrived is Lane.NORMAL and not after:
            self._enqueue(key, lane=Lane.NORMAL, now=now)
        else:
            self._schedule(key, lane=arrived or Lane.SHORT, at=now + pause)
        return pause

    def next_due(self) -> float | None:
        """When the next delayed key may run."""
        while self._timers and self._stale(self._timers[0]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def depth(self, lane: Lane) -> int:
        """How many keys wait that may run."""
        return self._waiting[lane].count

    @property
    def running(self) -> int:
        return len(self._running)

    def release(self, key: Key, *, now: float) -> None:
        """A run was cut off: somebody has to do it again."""
        self._running.pop(key)
        self._enqueue(key, lane=Lane.NORMAL, now=now)

    def _finish(self, key: Key, *, now: float) -> None:
        arrived = self._running.pop(key)
        if arrived is not None:
            self._enqueue(key, lane=arrived, now=now)

    def _enqueue(self, key: Key, *, lane: Lane, now: float) -> None:
        waiting = self._lanes.get(key)
        if waiting is None:
            self._waiting[lane].add(key, now)
            self._lanes[key] = lane
        elif waiting is Lane.SHORT and lane is Lane.NORMAL:
            self._waiting[lane].add(key, self._waiting[waiting].remove(key))
            self._lanes[key] = lane

    def _schedule(self, key: Key, *, lane: Lane, at: float) -> None:
        due = self._due.get(key)
        if due is not None:
            lane = _stronger(due[1], lane)
            at = min(due[0], at)
        self._due[key] = (at, lane)
        if due is None or at < due[0]:
            heapq.heappush(self._timers, (at, key))

    def _promote(self, now: float) -> None:
        while (due := self.next_due()) is not None and due <= now:
            _, key = heapq.heappop(self._timers)
            at, lane = self._due.pop(key)
            if key in self._running:
                self._running[key] = _stronger(self._running[key], lane)
            else:
                self._enqueue(key, lane=lane, now=at)

    def _stale(self, timer: tuple[float, Key]) -> bool:
        due = self._due.get(timer[1])
        return due is None or due[0] != timer[0]


def _stronger(one: Lane | None, other: Lane) -> Lane:
    return Lane.NORMAL if Lane.NORMAL in {one, other} else other
