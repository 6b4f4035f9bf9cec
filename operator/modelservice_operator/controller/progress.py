"""Asks running training and check pods how far they are, every ten seconds, and serving pods that
reload their models every two.

What they answer is a hint for the status and is treated as a stranger's input: short, typed,
nothing unknown. How a run ended is never taken from here; its termination message says that.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import aiohttp

from modelservice_operator.api import names
from modelservice_operator.controller.observer import Enqueue
from modelservice_operator.controller.probes import Probe
from modelservice_operator.controller.queue import Lane
from modelservice_operator.controller.store import Store

log = logging.getLogger(__name__)

PERIOD: Final = 2.0
EVERY: Final = 5  # of these periods programs are asked once
TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)
SIZE_LIMIT: Final = 8 * 1024
IN_FLIGHT: Final = 16
TEXT_LIMIT: Final = 1024
METRICS_LIMIT: Final = 16
_PHASES: Final = frozenset(
    {"Waiting", "Loading", "Training", "Exporting", "Converting", "Uploading", "Done"}
)
_TEXTS: Final = ("loss", "reason", "message")
# and what each must be below
_COUNTS: Final = {
    "epoch": 2**31,
    "epochs": 2**31,
    "bytes": 2**53,
    "totalBytes": 2**53,
    "bytesPerSecond": 2**53,
}
_CHANGE: Final = ("revision", "phase", "reason", "message")


class Poller:
    """Fills `store.progress` while `run` is awaited."""

    def __init__(
        self,
        *,
        store: Store,
        enqueue: Enqueue,
        session: aiohttp.ClientSession,
        port: int = names.PORT_PROGRESS,
        serving_port: int = names.PORT_METRICS,
    ) -> None:
        self._store = store
        self._enqueue = enqueue
        self._session = session
        self._port = port
        self._serving_port = serving_port

    async def run(self) -> None:
        """Ask until cancelled."""
        for number in count():
            await self.ask_all(programs=number % EVERY == 0)
            await asyncio.sleep(PERIOD)

    async def ask_all(self, *, programs: bool = True) -> None:
        """Ask every serving pod that reloads once, and the programs."""
        slots = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as tasks:
            for probe in self._store.probes():
                if probe.serving:
                    tasks.create_task(self._ask_serving(probe, slots=slots))
                elif programs:
                    tasks.create_task(self._ask(probe, slots=slots))

    async def _ask(self, probe: Probe, *, slots: asyncio.Semaphore) -> None:
        text = await self._get(probe, slots=slots, where=f"{self._port}/progress")
        progress = parse(text) if text is not None else None
        if progress is not None:
            self._put(probe, progress=progress)

    async def _ask_serving(self, probe: Probe, *, slots: asyncio.Semaphore) -> None:
        text = await self._get(probe, slots=slots, where=f"{self._serving_port}/models")
        # Silence is an answer too: a pod that takes over what it is told must say so in time.
        self._put(probe, progress=parse_models(text or b""))

    async def _get(self, probe: Probe, *, slots: asyncio.Semaphore, where: str) -> bytes | None:
        """What a pod answers; None where it does not."""
        host = f"[{probe.address}]" if ":" in probe.address else probe.address
        url = f"http://{host}:{where}"
        try:
            async with (
                slots,
                self._session.get(url, timeout=TIMEOUT, allow_redirects=False) as answer,
            ):
                return await _body(answer) if answer.status == 200 else b""
        except (aiohttp.ClientError, OSError) as error:
            log.debug("a pod did not tell how far it is: %s", error, extra={"key": probe.key})
            return None

    def _put(self, probe: Probe, *, progress: dict[str, Any]) -> None:
        key = self._store.put_progress(probe.uid, progress)
        if key is not None:
            self._enqueue(key, lane=Lane.SHORT)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    text = b""
    async for chunk in answer.content.iter_any():
        text += chunk
        if len(text) > SIZE_LIMIT:
            return b""
    return text


def parse(text: bytes) -> dict[str, Any] | None:
    """A pod's answer with only what is known and well-formed; None where that is nothing."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or answer.get("phase") not in _PHASES:
        return None
    progress: dict[str, Any] = {"phase": answer["phase"]}
    for name, limit in _COUNTS.items():
        if _is_count(answer.get(name), below=limit):
            progress[name] = answer[name]
    for name in _TEXTS:
        if isinstance(answer.get(name), str):
            progress[name] = answer[name][:TEXT_LIMIT]
    eta = answer.get("etaSeconds")
    if isinstance(eta, int | float) and not isinstance(eta, bool) and 0 <= eta < 1e9:
        progress["etaSeconds"] = eta
    if isinstance(answer.get("metrics"), Mapping):
        progress["metrics"] = _texts(answer["metrics"])
    return progress


def parse_models(text: bytes) -> dict[str, Any]:
    """A serving pod's answer: the `revision` that it has, and the `change` to another one.

    What is not well-formed is left out; all of it where nothing is.
    """
    try:
        answer = json.loads(text)
    except ValueError:
        return {"change": {}}
    if not isinstance(answer, dict):
        return {"change": {}}
    told = answer.get("change")
    change = {
        name: told[name][:TEXT_LIMIT]
        for name in _CHANGE
        if isinstance(told, dict) and isinstance(told.get(name), str)
    }
    revision = answer.get("revision")
    return {"change": change, **({"revision": revision} if isinstance(revision, str) else {})}


def _is_count(value: object, *, below: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    texts = {
        key[:63]: value[:63]
        for key, value in sorted(values.items())
        if isinstance(value, str) and key
    }
    return dict(list(texts.items())[:METRICS_LIMIT])
