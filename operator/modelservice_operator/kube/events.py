"""Kubernetes Events on a ModelService: what happened, for people. Best effort.

`emit` never waits and never fails: events queue up, a single task posts them, and what does not
fit or is refused is lost. Callers emit on transitions only, so nothing is aggregated.
"""

from __future__ import annotations

import asyncio
import logging
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
MESSAGE_LIMIT: Final = 1024  # the API server refuses longer ones


class Events:
    """Events of one replica; `run` posts them for as long as it is awaited."""

    def __init__(
        self,
        client: Client,
        *,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._instance = instance
        self._now = now
        self._waiting: asyncio.Queue[Manifest] = asyncio.Queue(WAITING)

    def emit(
        self,
        service: Manifest,
        *,
        type: Literal["Normal", "Warning"],  # noqa: A002 - the field's own name
        reason: str,
        message: str,
    ) -> None:
        """Tell of `service` (a ModelService as the store keeps it)."""
        event = self._event(service, type=type, reason=reason, message=message)
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("an event was dropped", extra={"reason": reason})

    async def run(self) -> None:
        """Post events until cancelled."""
        while True:
            event = await self._waiting.get()
            path = EVENT.collection(event["metadata"]["namespace"])
            try:
                await self._client.request("POST", path, kind=EVENT.kind, body=event)
            except ApiError as error:
                log.info("an event was not posted: %s", error)
            finally:
                self._waiting.task_done()

    async def flush(self) -> None:
        """Wait until all that was emitted so far is posted or refused."""
        await self._waiting.join()

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
