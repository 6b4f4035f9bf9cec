"""The operator processes of one plan: started, killed by faults, and started again.

As a kubelet does: a container that was killed starts again at once; one that ends by itself starts
again after a pause, and is told of (`exits`).
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.faults.proxy import STARTS, Proxy
from e2e.faults.record import Manifest
from e2e.faults.run import Exit
from e2e.rig.operators import Launcher, Operator
from modelservice_operator.kube.kinds import WATCHED

# As long as an operator may take to end in order: longer than it waits for its reconciles.
GRACE: Final = 20.0
# How long a start may take before the process is ended all the same.
YOUTH: Final = 30.0
# Between looks at processes that are about to start.
START: Final = 0.05
PAUSE_FIRST: Final = 0.5
PAUSE_LAST: Final = 10.0


@dataclass(slots=True)
class Process:
    """One operator process. `leaving`: the plan has ended it."""

    operator: Operator
    gate: AsyncExitStack
    leaving: bool = False
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    follower: asyncio.Task[None] | None = None


class Operators:
    """All operator processes of a plan; it carries out what faults do to them (`proxy.Control`)."""

    def __init__(
        self,
        *,
        launcher: Launcher,
        directory: Path,
        arguments: Sequence[str],
        platform: Mapping[str, Any],
        count: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.exits: list[Exit] = []
        self.logs: dict[int, Path] = {}
        self.paused = asyncio.Event()
        self._launcher = launcher
        self._directory = directory
        self._arguments = tuple(arguments)
        self._platform = platform
        self._clock = clock
        self._processes: dict[int, Process] = {}
        self._count = count
        self._started = 0
        self._stopping = False
        self._pause = PAUSE_FIRST
        self._proxy: Proxy | None = None

    @property
    def alive(self) -> list[int]:
        """The processes that run (or stand still), by ordinal."""
        return [ordinal for ordinal, one in self._processes.items() if one.operator.alive]

    @property
    def at_rest(self) -> bool:
        """Whether no process waits for a processor: on a busy machine, work may wait in it."""
        return not any(_runnable(self._processes[one].operator.pid) for one in self.alive)

    def connect(self, proxy: Proxy) -> None:
        """What the processes are to speak to. Before the first `start`."""
        self._proxy = proxy

    async def begin(self) -> None:
        """Start as many as there should be; returns when they watch."""
        self._stopping = False
        for _ in range(self._count):
            await self.watching(await self.start())

    async def start(self) -> int:
        """Start one more process: its ordinal."""
        if self._proxy is None:
            raise ValueError("there is no proxy yet")
        self._started += 1
        ordinal = self._started
        if ordinal >= STARTS:
            raise RuntimeError(f"the operator was started {STARTS} times")
        gate = AsyncExitStack()
        url = await gate.enter_async_context(self._proxy.gate(ordinal))
        directory = self._directory / f"operator-{ordinal}"
        directory.mkdir(parents=True)
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(url)))
        operator = await asyncio.to_thread(
            self._launcher.operator,
            kubeconfig=kubeconfig,
            directory=directory,
            arguments=self._arguments,
            platform=self._platform,
        )
        self.logs[ordinal] = operator.log
        process = Process(operator, gate)
        self._processes[ordinal] = process
        process.follower = asyncio.create_task(self._follow(ordinal, process=process))
        return ordinal

    async def watching(self, ordinal: int) -> None:
        """Return when a process watches all kinds, or has ended."""
        proxy = self._proxy
        while proxy is not None and ordinal in self.alive:
            watched = {
                request.kind
                for request in proxy.trace.requests
                if request.verb == "watch" and request.process == ordinal
            }
            if len(watched) >= len(WATCHED):
                return
            await proxy.passed()

    async def all_watching(self) -> None:
        """Return when as many as there should be watch (or stand still)."""
        while True:
            alive = self.alive
            for ordinal in alive:
                await self.watching(ordinal)
            if len(alive) >= self._count and alive == self.alive:
                return
            await asyncio.sleep(START)

    async def restart(self, platform: Manifest | None) -> None:
        """Stop all processes in order and start as many: an upgrade. Returns when they watch."""
        self._platform = merged(self._platform, platform or {})
        await self.stop()
        await self.begin()

    async def stop(self) -> None:
        """End all processes as a kubelet does: asked to, and killed if they do not."""
        # One that has just been started knows no signals yet.
        with suppress(TimeoutError):
            async with asyncio.timeout(YOUTH):
                await self.all_watching()
        self._stopping = True
        for process in self._processes.values():
            self._dismiss(process)
        while pending := [
            task for one in self._processes.values() if (task := one.follower) and not task.done()
        ]:
            _, late = await asyncio.wait(pending, timeout=GRACE)
            if late:
                for ordinal in self.alive:
                    self._processes[ordinal].operator.kill()

    def _dismiss(self, process: Process) -> None:
        if process.operator.alive:
            process.leaving = True
            process.resumed.set()
            process.operator.resume()
            process.operator.terminate()

    def kill(self, process: int) -> None:
        """SIGKILL; another process takes its place."""
        one = self._processes[process]
        one.leaving = True
        one.operator.kill()

    async def pause(self, process: int) -> None:
        """SIGSTOP until `resume`."""
        one = self._processes[process]
        one.operator.pause()
        self.paused.set()
        await one.resumed.wait()

    def resume(self) -> None:
        """Let those that were paused go on."""
        for process in self._processes.values():
            process.resumed.set()
            process.operator.resume()

    async def _follow(self, ordinal: int, *, process: Process) -> None:
        status = await asyncio.wrap_future(process.operator.exit)
        self.exits.append(
            Exit(at=self._clock(), process=ordinal, status=status, expected=process.leaving)
        )
        await process.gate.aclose()
        if self._proxy is not None:
            self._proxy.nudge()
        if not process.leaving and not self._stopping:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, PAUSE_LAST)
        if not self._stopping:
            other = await self.start()
            if self._stopping:  # it came too late to be asked with the others
                self._dismiss(self._processes[other])


def _runnable(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:  # it has just ended
        return False


def _kubeconfig(url: str) -> dict[str, Any]:
    name = "faults"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def merged(base: Any, over: Any) -> Any:
    """`over` merged into a copy of `base`: maps by their keys, all else as a whole."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return copy.deepcopy(over)
    found = {name: copy.deepcopy(value) for name, value in base.items()}
    for name, value in over.items():
        found[name] = merged(found.get(name), value)
    return found
