"""Sweeps: own lists of every kind, compared with the store.

The first sweep primes the store, before which nothing is reconciled: else a restart would take
children that are not listed yet for missing ones. It comes after all watches have begun, so that
nothing falls between the two, and a kind is swept again whenever its watch begins again. Sweeps of
all kinds now and then find what a watch lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Final

from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import ApiError, Expired
from modelservice_operator.kube.kinds import WATCHED, Kind
from modelservice_operator.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_FIRST: Final = 0.5
RETRY_LAST: Final = 10.0
# How many objects are taken in before others get their turn in the event loop.
BATCH: Final = 50


class Sweeper:
    """Lists what the store should hold: when a watch begins, and now and then."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        observer: Observer,
        metrics: Metrics,
        period: float,
    ) -> None:
        """`period` is the time between two sweeps of everything, in seconds."""
        self._client = client
        self._store = store
        self._observer = observer
        self._metrics = metrics
        self._period = period
        self._due: set[Kind] = set()
        self._asked = asyncio.Event()
        self.primed = asyncio.Event()

    def ask(self, kind: Kind) -> None:
        """The watch of a kind has begun: what was before it has to be listed."""
        self._due.add(kind)
        self._asked.set()

    async def run(self) -> None:
        """Prime, then sweep for as long as this is awaited."""
        while self._due != set(WATCHED):
            await self._wait()
        await self._insist()
        self.primed.set()
        log.info("the store is primed", extra={"objects": self._store.size})
        everything = self._later()
        while True:
            try:
                # NB: by the clock, however often watches begin meanwhile: that of one kind may hang
                # while those of the others begin again and again.
                async with asyncio.timeout_at(everything):
                    await self._wait()
            except TimeoutError:
                self._due |= set(WATCHED)
                everything = self._later()
            await self._insist()

    async def sweep(self, kinds: Iterable[Kind] = WATCHED) -> None:
        """Compare once. Raises ApiError; what was read until then counts."""
        for kind in kinds:
            await self._kind(kind)

    def _later(self) -> float:
        """When everything is swept next, by the event loop's clock."""
        now = asyncio.get_running_loop().time()
        return now + self._period * random.uniform(0.9, 1.1)  # noqa: S311

    async def _wait(self) -> None:
        await self._asked.wait()
        self._asked.clear()

    async def _insist(self) -> None:
        """Sweep the kinds that are due, until it is done."""
        pause = RETRY_FIRST
        while self._due:
            # in this order: owners come first
            kind = next(kind for kind in WATCHED if kind in self._due)
            self._due.discard(kind)
            try:
                await self.sweep([kind])
            except ApiError as error:
                self._due.add(kind)
                self._metrics.sweeps.labels("error").inc()
                log.warning("the cluster could not be read and is tried again: %s", error)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(2 * pause, RETRY_LAST)
            else:
                self._metrics.sweeps.labels("ok").inc()

    async def _kind(self, kind: Kind) -> None:
        while True:
            try:
                seen, version = await self._take_in(kind)
            except Expired:  # it took too long: begin anew
                continue
            break
        for uid in self._store.missing(kind.kind, seen=seen, version=version):
            self._observer.gone(kind.kind, uid=uid, version=version)

    async def _take_in(self, kind: Kind) -> tuple[set[str], str]:
        seen: set[str] = set()
        version = ""
        async for page in self._client.pages(kind):
            version = page.resource_version
            for obj in page.items:
                seen.add(obj["metadata"]["uid"])
                self._observer.seen(kind.kind, obj, listed=True)
                if len(seen) % BATCH == 0:
                    await asyncio.sleep(0)
        return seen, version
