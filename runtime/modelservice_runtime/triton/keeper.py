"""Keeps one wanted model loaded in a Triton that may start late, crash, or refuse the model.

A loop a model: look every second whether the version answers; if not, load it. What fails is
tried again with a growing wait, so that a model that heals (memory that became free) comes up by
itself, and one that does not costs little.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from modelservice_runtime.document import Model
from modelservice_runtime.triton.client import LoadError, TritonAway
from modelservice_runtime.triton.pulse import Pulse

_LOOK_SECONDS = 1.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0

log = logging.getLogger(__name__)


class Phase(StrEnum):
    """Where a model stands in Triton."""

    WAITING = "Waiting"
    LOADING = "Loading"
    READY = "Ready"
    FAILED = "Failed"


@dataclass(frozen=True)
class State:
    """One moment of a model. `load_seconds` is how long its last load took."""

    phase: Phase = Phase.WAITING
    message: str | None = None
    load_seconds: float | None = None
    loads: int = 0
    failures: int = 0


class Server(Protocol):
    """What a keeper asks of Triton."""

    async def live(self) -> bool: ...
    async def ready(self, model: str, *, version: int) -> bool: ...
    async def load(self, model: str) -> None: ...


class Keeper:
    """The state of one wanted model, and the loop that keeps it true.

    An ensemble's keeper looks up those of its `members` and waits for them: Triton would load
    members by itself, beside their own keepers, and tell a member's failure as the ensemble's. Once
    loaded, an ensemble needs nobody when a member is loaded anew: Triton joins them again.
    """

    def __init__(
        self,
        model: Model,
        *,
        server: Server,
        pulse: Pulse,
        members: Callable[[], Sequence[Keeper]] = tuple,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self.state = State()
        self._server = server
        self._members = members
        self._pulse = pulse
        self._clock = clock
        self._sleep = sleep
        self._wait = _FIRST_WAIT_SECONDS
        self._not_before = clock()
        self._before: int | None = None  # a version that may answer while this one is loaded

    def follow(self, before: Keeper) -> None:
        """Stand for a model while it is changed: what `before` keeps may answer in its place."""
        self._before = before.model.version
        self.state = before.state

    def settle(self) -> None:
        """The model was loaded as it is wanted, by `load`."""
        self._before = None
        self._become(Phase.READY)

    async def answers(self) -> bool:
        """Whether requests for the model are answered now."""
        return await self._ready() or (
            self._before is not None
            and await self._server.ready(self.model.name, version=self._before)
        )

    @property
    def ready(self) -> bool:
        """Whether the model answered at the last look."""
        return self.state.phase is Phase.READY

    async def run(self) -> None:
        """Keep the model loaded until cancelled."""
        while True:
            await self.look()
            await self._sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """One look, and a load if one is due."""
        if await self._ready():
            if self._pulse.lost():
                log.warning("%s: an instance of it has died", self.model.name)
                self._pulse.renew()
                await self._load()
            else:
                self._wait = _FIRST_WAIT_SECONDS
                self._become(Phase.READY)
        elif not await self._server.live():
            # Whatever it refused before, a Triton that starts anew is asked at once.
            self._wait, self._not_before = _FIRST_WAIT_SECONDS, self._clock()
            self._become(Phase.WAITING, message="Triton does not answer yet.")
        elif absent := [keeper for keeper in self._members() if not keeper.ready]:
            names = ", ".join(keeper.model.name for keeper in absent)
            self._become(Phase.WAITING, message=f"It waits for its models {names}.")
        elif self._clock() >= self._not_before:
            await self._load()

    async def load(self) -> None:
        """Load the model now. Raises `LoadError` and `TritonAway`."""
        started = self._clock()
        try:
            await self._server.load(self.model.name)
        except LoadError:
            self.state = replace(self.state, failures=self.state.failures + 1)
            raise
        self.state = replace(
            self.state, loads=self.state.loads + 1, load_seconds=self._clock() - started
        )

    async def _load(self) -> None:
        self._become(Phase.LOADING)
        try:
            await self.load()
        except LoadError as error:
            self._become(Phase.FAILED, message=str(error))
            self._not_before = self._clock() + self._wait
            self._wait = min(self._wait * 2, _LONGEST_WAIT_SECONDS)
            return
        except TritonAway:
            self._become(Phase.WAITING, message="Triton went away while it loaded the model.")
            return
        if await self._ready():
            self._become(Phase.READY)

    async def _ready(self) -> bool:
        return await self._server.ready(self.model.name, version=self.model.version)

    def _become(self, phase: Phase, *, message: str | None = None) -> None:
        before = self.state
        self.state = replace(before, phase=phase, message=message)
        if (before.phase, before.message) == (phase, message):
            return
        level = logging.WARNING if phase is Phase.FAILED else logging.INFO
        detail = f": {message}" if message else ""
        log.log(level, "%s version %d: %s%s", self.model.name, self.model.version, phase, detail)

    def document(self) -> dict[str, Any]:
        """The model's entry in `/models`."""
        document = {
            "name": self.model.name,
            "version": self.model.version,
            "digest": self.model.digest,
            "state": str(self.state.phase),
            "message": self.state.message,
            "loadSeconds": self.state.load_seconds,
        }
        return {key: value for key, value in document.items() if value is not None}
