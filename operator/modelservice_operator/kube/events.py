"""Kubernetes Events on a ModelService: what happened, for people. Best effort.

`emit` never waits and never fails: events queue up and are posted by a few tasks at a bounded rate,
so that a burst of them leaves the API server to the reconciles. What is refused is lost, and the
oldest where too many wait. Callers emit on transitions only, so nothing is aggregated.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import uuid4

from modelservice_operator.api import names
from modelservice_operator.kube.client import Client, Manifest
from modelservice_operator.kube.errors import ApiError
from modelservice_operator.kube.kinds import EVENT, MODEL_SERVICE

log = logging.getLogger(__name__)

WAITING: Final = 1000
IN_FLIGHT: Final = 4
RATE: Final = 40.0  # a second; twice as many services as an API server on two cores can make
MESSAGE_LIMIT: Final = 1024  # the API server refuses longer ones


class Events:
    """Events of one replica; `run` posts them for as long as it is awaited."""

    def __init__(
        self,
        client: Client,
        *,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limit: int = WAITING,
        rate: float = RATE,
    ) -> None:
        """At most `limit` events wait, and at most `rate` are posted in a second."""
        self._client = client
        self._instance = instance
        self._now = now
        self._limit = limit
        self._rate = rate
        self._waiting: deque[Manifest] = deque()
        self._some = asyncio.Event()  # events wait
        self._none = asyncio.Event()  # none waits and none is on its way
        self._none.set()
        self._posting = 0
        self._turn = asyncio.Lock()
        self._next_at = 0.0
        self._dropping = False

    def emit(
        self,
        service: Manifest,
        *,
        type: Literal["Normal", "Warning"],  # noqa: A002 - the field's own name
        reason: str,
        message: str,
    ) -> None:
        """Tell of `service` (a ModelService as the store keeps it)."""
        self._waiting.append(self._event(service, type=type, reason=reason, message=message))
        if len(self._waiting) > self._limit:
            self._waiting.popleft()
            if not self._dropping:
                log.warning("too many events wait to be posted: the oldest are dropped")
            self._dropping = True
        self._some.set()
        self._none.clear()

    async def run(self) -> None:
        """Post events until cancelled."""
        async with asyncio.TaskGroup() as posters:
            for _ in range(IN_FLIGHT):
                posters.create_task(self._post())

    async def flush(self) -> None:
        """Wait until all that was emitted so far is posted or refused."""
        await self._none.wait()

    async def _post(self) -> None:
        while True:
            event = await self._take()
            path = EVENT.collection(event["metadata"]["namespace"])
            try:
                await self._client.request("POST", path, kind=EVENT.kind, body=event)
            except ApiError as error:
                log.info("an event was not posted: %s", error)
            finally:
                self._posting -= 1
                if not self._waiting and not self._posting:
                    self._none.set()

    async def _take(self) -> Manifest:
        """The oldest event, once it may be posted."""
        async with self._turn:
            await self._some.wait()
            await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))
            self._next_at = time.monotonic() + 1 / self._rate
            event = self._waiting.popleft()
            self._posting += 1
            if not self._waiting:
                self._some.clear()
                self._dropping = False
            return event

    def _event(self, service: Manifest, *, type: str, reason: str, message: str) -> Manifest:  # noqa: A002
        metadata = service["metadata"]
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name']}.{uuid4().hex[:16]}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": MODEL_SERVICE.api_version,
                "kind": MODEL_SERVICE.kind,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": type,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": names.MANAGER},
            "reportingComponent": names.MANAGER,
            "reportingInstance": self._instance,
        }
