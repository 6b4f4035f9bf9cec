"""Taking a pod out of service before Triton gets its signal, so that no request is cut.

`preStop` of the Triton container asks for it: readiness fails, the endpoint goes from the
Service, the last requests are answered, and only then does Triton see SIGTERM. Triton counts what
waits in its queues and what it has finished, but not what is being computed; so "nothing in
flight" is: nothing queued, and nothing finished for a second. A single request that computes for
longer than that is Triton's own matter (`--exit-timeout-secs`).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from prometheus_client.parser import text_string_to_metric_families

_LOOK_SECONDS = 0.25
_QUIET_SECONDS = 1.0

_QUEUED = ("nv_inference_pending_request_count",)
_FINISHED = ("nv_inference_request_success", "nv_inference_request_failure")

log = logging.getLogger(__name__)


class Server(Protocol):
    """What draining asks of Triton."""

    async def metrics(self) -> str | None: ...


@dataclass(frozen=True)
class Limits:
    """Seconds for the endpoint to go from the Service, and seconds in all."""

    endpoint: float = 5.0
    total: float = 25.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """From `MODELSERVICE_DRAIN_ENDPOINT_SECONDS` and `MODELSERVICE_DRAIN_SECONDS`."""
        return cls(
            endpoint=float(environ.get("MODELSERVICE_DRAIN_ENDPOINT_SECONDS", "5")),
            total=float(environ.get("MODELSERVICE_DRAIN_SECONDS", "25")),
        )


@dataclass(frozen=True)
class Load:
    """What Triton has to do: requests queued now, and finished since its start."""

    queued: float
    finished: float

    @classmethod
    def of(cls, metrics: str) -> Self:
        """From Triton's metrics."""
        sums = dict.fromkeys((*_QUEUED, *_FINISHED), 0.0)
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                # The parser gives counters the ending that Triton's lack.
                name = sample.name.removesuffix("_total")
                if name in sums:
                    sums[name] += sample.value
        return cls(
            queued=sum(sums[name] for name in _QUEUED),
            finished=sum(sums[name] for name in _FINISHED),
        )


class Drain:
    """Whether this pod is being drained; once begun it is never taken back."""

    def __init__(
        self,
        *,
        server: Server,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.draining = False
        self._server = server
        self._limits = limits
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> bool:
        """Drain; True when nothing is in flight any more, False when time ran out first."""
        deadline = self._clock() + self._limits.total
        self.draining = True
        log.info("draining: not ready any more, waiting for the endpoint to go")
        await self._sleep(self._limits.endpoint)
        drained = await self._quiet(deadline)
        log.info("drained" if drained else "drain ended by its deadline with requests in flight")
        return drained

    async def _quiet(self, deadline: float) -> bool:
        finished: float | None = None
        quiet_since = self._clock()
        while self._clock() < deadline:
            text = await self._server.metrics()
            if text is None:
                return True  # Triton is gone, and so is what it had in flight.
            load = Load.of(text)
            if load.queued > 0 or load.finished != finished:
                finished, quiet_since = load.finished, self._clock()
            elif self._clock() - quiet_since >= _QUIET_SECONDS:
                return True
            await self._sleep(_LOOK_SECONDS)
        return False
