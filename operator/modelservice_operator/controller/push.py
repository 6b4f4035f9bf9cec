"""Tells pods that reload which models they are to have, without waiting for the kubelet.

The ConfigMap brings the same document within a minute and a half, whatever comes of a push: nobody
waits for one, and one that fails is made again for as long as the reload is under way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from modelservice_operator.api import names
from modelservice_operator.controller.probes import Probe
from modelservice_operator.controller.signing import Signer
from modelservice_operator.controller.store import Store
from modelservice_operator.desired.sequence import Order
from modelservice_operator.kube.apply import Fence
from modelservice_operator.kube.errors import Fenced
from modelservice_operator.metrics import Metrics

log = logging.getLogger(__name__)

PERIOD: Final = 0.5
TIMEOUT: Final = aiohttp.ClientTimeout(total=3.0)
IN_FLIGHT: Final = 8
# Seconds until a pod that has not told of the document is given it again.
PAUSE_FIRST: Final = 5.0
PAUSE_LAST: Final = 40.0
ACCEPTED: Final = 202
_ANSWER_LIMIT: Final = 4096
_REASON_LIMIT: Final = 64


@dataclass(frozen=True, slots=True)
class _Try:
    """When a pod was given an order last, and when it is again."""

    order: Order
    pause: float
    again_at: float


class Pusher:
    """Pushes the orders of the store while `run` is awaited. `clock` is seconds since the epoch."""

    def __init__(
        self,
        *,
        store: Store,
        signer: Signer,
        session: aiohttp.ClientSession,
        fence: Fence,
        metrics: Metrics,
        port: int = names.PORT_ADMIN,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._signer = signer
        self._session = session
        self._fence = fence
        self._metrics = metrics
        self._port = port
        self._clock = clock
        self._monotonic = monotonic
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tried: dict[str, _Try] = {}  # by the pod's uid

    async def run(self) -> None:
        """Push until cancelled."""
        if not self._signer.public:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.push_due(tasks)
                await asyncio.sleep(PERIOD)

    def push_due(self, tasks: asyncio.TaskGroup) -> None:
        """Begin what is due. One pod that does not answer holds up no other one."""
        untold = {probe.uid: (probe, order) for probe, order in self._store.untold()}
        self._tried = {uid: one for uid, one in self._tried.items() if uid in untold}
        now = self._monotonic()
        for uid, (probe, order) in untold.items():
            before = self._tried.get(uid)
            if before is None or before.order != order:
                pause = PAUSE_FIRST
            elif now < before.again_at:
                continue
            else:
                pause = min(2 * before.pause, PAUSE_LAST)
            self._tried[uid] = _Try(order, pause, now + pause)
            tasks.create_task(self._push(probe, order=order))

    async def _push(self, probe: Probe, *, order: Order) -> None:
        document = order.document.encode()
        host = f"[{probe.address}]" if ":" in probe.address else probe.address
        about = {"key": probe.key, "pod": probe.uid, "revision": order.revision}
        async with self._slots:
            try:
                self._fence.check()
            except Fenced:
                return
            headers = self._signer.headers(
                document, pod=probe.uid, key=probe.key, now=self._clock()
            )
            try:
                async with self._session.post(
                    f"http://{host}:{self._port}/document",
                    data=document,
                    headers=headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                ) as answer:
                    if answer.status == ACCEPTED:
                        self._metrics.pushes.labels("accepted").inc()
                        log.info("a pod was told its models", extra=about)
                        return
                    reason = _reason(await answer.content.read(_ANSWER_LIMIT))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._metrics.pushes.labels("unreachable").inc()
                log.info("a pod was not told its models: %s", type(error).__name__, extra=about)
                return
        self._metrics.pushes.labels("refused").inc()
        log.warning("a pod refuses to be told its models: %s", reason, extra=about)


def _reason(text: bytes) -> str:
    """The code that an agent gives; it is a stranger's text."""
    try:
        reason = json.loads(text)["reason"]
    except (ValueError, KeyError, TypeError):
        return "it says nothing"
    return reason[:_REASON_LIMIT] if isinstance(reason, str) and reason.isalnum() else "?"
