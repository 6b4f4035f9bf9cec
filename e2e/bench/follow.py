"""When services and what belongs to them came to be as wanted, seen by watches.

Times are seconds since the epoch, of arrival here. Each thing is dated once, when it is first seen.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from e2e.bench.session import Refused, Session
from modelservice_operator.api import names
from modelservice_operator.kube.kinds import DEPLOYMENT, MODEL_SERVICE, POD, Kind

AGAIN = 0.1  # seconds after a stream ended, or nobody answered

Object = Mapping[str, Any]


class Follower:
    """What has been seen so far; `following` keeps it up to date."""

    def __init__(self) -> None:
        # generation → service → when its status had spoken of that generation, and said Ready
        self.told: dict[int, dict[str, float]] = defaultdict(dict)
        self.ready: dict[int, dict[str, float]] = defaultdict(dict)
        self.ready_now: set[str] = set()
        self.flaps = 0  # times that a service was not Ready any more, of the same generation
        self.available: dict[str, float] = {}  # Deployment → when all of its pods were available
        self.pods_ready: dict[str, float] = {}  # service → when its first pod was ready
        self._changed = asyncio.Event()
        self._takes: dict[str, Callable[[str, Object], None]] = {
            MODEL_SERVICE.kind: self._service,
            DEPLOYMENT.kind: self._deployment,
            POD.kind: self._pod,
        }

    async def until(self, condition: Callable[[], bool], *, seconds: float) -> float:
        """Wait until `condition` holds; the time then. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
        return time.time()

    async def follow(self, session: Session, kind: Kind) -> None:
        """Watch a kind, again whenever the stream ends, until cancelled."""
        take = self._takes[kind.kind]
        path = kind.collection()
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, Refused, ValueError):
                listed = await session.object("GET", path)
                for item in listed["items"]:
                    take("ADDED", item)
                self._changed.set()
                version = listed["metadata"]["resourceVersion"]
                async for event in session.events(path, version=version):
                    if event["type"] == "ERROR":
                        break
                    take(event["type"], event["object"])
                    self._changed.set()
            self._changed.set()
            await asyncio.sleep(AGAIN)

    def _service(self, change: str, obj: Object) -> None:
        name, generation = obj["metadata"]["name"], obj["metadata"]["generation"]
        if change == "DELETED":
            self.ready_now.discard(name)
            return
        status = obj.get("status") or {}
        if status.get("observedGeneration") != generation:
            return
        now = time.time()
        self.told[generation].setdefault(name, now)
        if _condition(status, "Ready"):
            self.ready[generation].setdefault(name, now)
            self.ready_now.add(name)
        elif name in self.ready_now:
            self.ready_now.discard(name)
            self.flaps += name in self.ready[generation]

    def _deployment(self, change: str, obj: Object) -> None:
        status, wanted = obj.get("status") or {}, obj["spec"].get("replicas", 1)
        current = status.get("observedGeneration", 0) >= obj["metadata"]["generation"]
        if current and wanted and status.get("availableReplicas", 0) >= wanted:
            self.available.setdefault(obj["metadata"]["name"], time.time())

    def _pod(self, change: str, obj: Object) -> None:
        service = (obj["metadata"].get("labels") or {}).get(names.LABEL_NAME)
        if service and service not in self.pods_ready and _condition(obj.get("status"), "Ready"):
            self.pods_ready[service] = time.time()


@asynccontextmanager
async def following(session: Session, *kinds: Kind) -> AsyncIterator[Follower]:
    """A follower that watches these kinds."""
    follower = Follower()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follower.follow(session, kind)) for kind in kinds]
        try:
            yield follower
        finally:
            for task in tasks:
                task.cancel()


def every(names: Iterable[str], found: Mapping[str, float]) -> Callable[[], bool]:
    """A condition for `until`: all of these were found. It asks of each name about once."""
    waiting = list(names)

    def check() -> bool:
        while waiting and waiting[-1] in found:
            waiting.pop()
        return not waiting

    return check


def _condition(status: Object | None, kind: str) -> bool:
    conditions: Sequence[Object] = (status or {}).get("conditions") or ()
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)
