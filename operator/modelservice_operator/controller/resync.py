"""Sweeps: own lists of every kind, compared with the store.

The first sweep primes the store, before which nothing is reconciled: else a restart would take
children that are not listed yet for missing ones. Later ones find what a watch missed: an object
that vanished between a list and its watch is never reported by anybody.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import ApiError, Expired, NotFound
from modelservice_operator.kube.kinds import MODEL_SERVICE, WATCHED, Kind
from modelservice_operator.metrics import Metrics

log = logging.getLogger(__name__)

PERIOD: Final = 600.0
# After a (re)start of the watch: long enough for its own lists to be over.
SETTLE: Final = 30.0
RETRY_FIRST: Final = 0.5
RETRY_LAST: Final = 10.0
# How many objects are taken in before others get their turn in the event loop.
BATCH: Final = 50


class Sweeper:
    """Lists what the store should hold: at the start, now and then, and when asked."""

    def __init__(
        self, *, client: Client, store: Store, observer: Observer, metrics: Metrics
    ) -> None:
        self._client = client
        self._store = store
        self._observer = observer
        self._metrics = metrics
        self._asked = asyncio.Event()
        self.primed = asyncio.Event()

    def ask(self) -> None:
        """A watch has listed anew: sweep once that has settled."""
        self._asked.set()

    async def run(self) -> None:
        """Prime, then sweep for as long as this is awaited."""
        await self._insist()
        self.primed.set()
        log.info("the store is primed", extra={"objects": self._store.size})
        while True:
            await self._pause()
            await self._insist()

    async def sweep(self) -> None:
        """Compare once. Raises ApiError; what was read until then counts."""
        for kind in WATCHED:
            await self._kind(kind)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PERIOD * random.uniform(0.9, 1.1)):  # noqa: S311
                await self._asked.wait()
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE)
        self._asked.clear()

    async def _insist(self) -> None:
        pause = RETRY_FIRST
        while True:
            try:
                await self.sweep()
            except ApiError as error:
                self._metrics.sweeps.labels("error").inc()
                log.warning("the cluster could not be read and is tried again: %s", _told(error))
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(2 * pause, RETRY_LAST)
            else:
                self._metrics.sweeps.labels("ok").inc()
                return

    async def _kind(self, kind: Kind) -> None:
        while True:
            try:
                seen, version = await self._take_in(kind)
            except Expired:  # it took too long: begin anew
                continue
            break
        for uid in self._store.missing(kind.kind, seen=seen, version=version):
            self._observer.gone(kind.kind, uid)

    async def _take_in(self, kind: Kind) -> tuple[set[str], str]:
        seen: set[str] = set()
        version = ""
        async for page in self._client.pages(kind):
            version = page.resource_version
            for obj in page.items:
                seen.add(obj["metadata"]["uid"])
                self._observer.seen(kind.kind, obj)
                if len(seen) % BATCH == 0:
                    await asyncio.sleep(0)
        return seen, version


def _told(error: ApiError) -> str:
    if isinstance(error, NotFound) and error.kind.startswith("Model"):
        return f"the CRD of {MODEL_SERVICE.group} is not installed ({error})"
    return str(error)
