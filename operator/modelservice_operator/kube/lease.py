"""Which replica may write: a Lease, held as client-go's leader election holds it.

A holder renews every `retry` seconds and steps down `renew` seconds after its last success; others
take over when they have seen no renewal for `duration` seconds of their own clock, so clocks of
two machines are never compared. The holder's writes stop at its own deadline, before that: the
difference is for requests on their way.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from modelservice_operator.kube.client import Client, Manifest
from modelservice_operator.kube.errors import ApiError, Conflict, Fenced, NotFound
from modelservice_operator.kube.kinds import LEASE

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds; duration > renew > retry.

    Who takes over has seen the last renewal up to `1.2 * retry` late: with these, a leader that was
    killed is followed within 15 s. client-go's 15/10/2 would need 20 s.
    """

    duration: float = 12.0
    renew: float = 8.0
    retry: float = 2.0


DEFAULT_TIMINGS: Final = Timings()
NEVER: Final = float("-inf")


class Lease:
    """One candidate. It is the fence of its replica's writes too."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        timings: Timings = DEFAULT_TIMINGS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = identity
        self._client = client
        self._namespace = namespace
        self._name = name
        self._timings = timings
        self._clock = clock
        self._deadline = NEVER
        # the holder's last sign of life as we saw it, and when we saw it
        self._record: Manifest = {}
        self._version = ""
        self._seen = NEVER
        # one request at a time: a renewal on its way must not undo a release
        self._turn = asyncio.Lock()
        self._retired = False
        self._away = False  # told once, however many attempts fail

    @property
    def held(self) -> bool:
        return self._clock() < self._deadline

    def check(self) -> None:
        """Raises Fenced unless the lease is held now."""
        if not self.held:
            raise Fenced("this replica does not hold the lease")

    async def acquire(self) -> None:
        """Return when this candidate holds the lease."""
        while True:
            if await self._try():
                return
            await asyncio.sleep(self._pause())

    async def keep(self) -> None:
        """Renew; return when the lease is lost."""
        while self.held:
            left = self._deadline - self._clock()
            await asyncio.sleep(min(self._timings.retry, left))
            # NB: a request into a network that drops packets would outlast the deadline.
            left = self._deadline - self._clock()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    if not await self._try() and not self._ours(self._record):
                        break
        self._deadline = NEVER
        if self._retired:
            return
        log.warning("the lease is lost", extra={"lease": self._name, "identity": self.identity})

    async def release(self) -> None:
        """Stand no more, and give the lease up, so that nobody has to wait for its end."""
        self._retired = True
        async with self._turn:
            if not self.held:
                return
            self._deadline = NEVER
            spec = self._record | {"holderIdentity": "", "leaseDurationSeconds": 1}
            try:
                await self._write(spec | {"renewTime": _now()})
            except ApiError as error:
                log.info("the lease could not be released: %s", error)

    async def _try(self) -> bool:
        """One attempt to get or renew. False where another holds it or nobody answers."""
        async with self._turn:
            return not self._retired and await self._claim()

    async def _claim(self) -> bool:
        began = self._clock()
        try:
            if not (self.held and self._version):
                await self._observe()
            if not self._free(began):
                return False
            await self._write(self._claimed())
        except Conflict:
            self._version = ""  # somebody wrote it: look again before the next attempt
            return False
        except ApiError as error:
            if not self._away:
                log.warning("the lease cannot be renewed: %s", error)
            self._away = True
            return False
        if self._away:
            log.info("the lease is renewed again")
        self._away = False
        self._deadline = began + self._timings.renew
        return True

    def _pause(self) -> float:
        """Until the next attempt to acquire: not beyond the moment at which the lease is free."""
        pause = self._timings.retry * random.uniform(1.0, 1.2)  # noqa: S311
        left = self._end() - self._clock()
        return min(pause, left) if left > 0 else pause

    def _free(self, now: float) -> bool:
        holder = self._record.get("holderIdentity")
        return not holder or self._ours(self._record) or now >= self._end()

    def _end(self) -> float:
        """When the holder's time is over, as far as its last renewal says."""
        lasts = float(self._record.get("leaseDurationSeconds") or self._timings.duration)
        return self._seen + lasts

    def _ours(self, record: Manifest) -> bool:
        return bool(record.get("holderIdentity") == self.identity)

    def _claimed(self) -> Manifest:
        now = _now()
        renewed = self._ours(self._record)
        changes = int(self._record.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._timings.duration)),
            "acquireTime": self._record["acquireTime"] if renewed else now,
            "renewTime": now,
            "leaseTransitions": changes if renewed or not self._record else changes + 1,
        }

    async def _observe(self) -> None:
        try:
            found = await self._request("GET", self._path)
        except NotFound:
            self._record, self._version, self._seen = {}, "", NEVER
            return
        spec = found.get("spec") or {}
        if spec != self._record or self._seen == NEVER:
            self._seen = self._clock()
        self._record, self._version = spec, found["metadata"]["resourceVersion"]

    async def _write(self, spec: Manifest) -> None:
        body: dict[str, Any] = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        if self._version:
            body["metadata"]["resourceVersion"] = self._version
            answer = await self._request("PUT", self._path, body=body)
        else:
            answer = await self._request("POST", LEASE.collection(self._namespace), body=body)
        self._record, self._version = answer["spec"], answer["metadata"]["resourceVersion"]
        self._seen = self._clock()

    @property
    def _path(self) -> str:
        return LEASE.path(namespace=self._namespace, name=self._name)

    async def _request(self, method: str, path: str, *, body: Manifest | None = None) -> Manifest:
        # An answer later than this is of no use: the next attempt would be due.
        return await self._client.request(
            method, path, kind=LEASE.kind, body=body, within=self._timings.renew / 2
        )


class Alone:
    """In place of a lease where there is one replica and no election."""

    identity = "alone"

    def check(self) -> None:
        """It may always write."""

    async def acquire(self) -> None:
        """It leads from the start."""

    async def keep(self) -> None:
        """And for as long as it lives."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """There is nobody to take over."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
