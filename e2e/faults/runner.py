"""Plays one plan: a namespace, a proxy, operators, the workload's steps, quiet, deletion.

Nothing here judges: what happened goes into a `Run`, and the oracles look at it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e2e.cluster.client import Refused
from e2e.faults.historian import Historian
from e2e.faults.history import History
from e2e.faults.operators import Operators, merged
from e2e.faults.oracles.state import State, difference, normalised
from e2e.faults.plan import Plan
from e2e.faults.proxy import Proxy
from e2e.faults.record import Manifest
from e2e.faults.rules import Rules
from e2e.faults.run import Moment, Run
from e2e.faults.upstream import Upstream
from e2e.faults.user import PlanUser
from e2e.faults.workload import Objects, User, Workload
from e2e.rig.operators import Launcher
from modelservice_operator.api import names
from modelservice_operator.status.pace import PACE

# How long everything has to stand still before it is taken for settled: longer than an operator
# among many on two cores takes from a status to the Event that tells of it.
STILL: Final = 1.5
REST: Final = 0.2  # between looks at whether an operator is at rest
# A machine with so many runnable processes a core is as slow as that takes; with more, slower.
BUSY: Final = 4.0
# A reference has nothing to be compared with: it is over when nothing has moved for so long, which
# is longer than the operator holds back a status that is no news.
STILL_REFERENCE: Final = PACE + 2.0
# A second operator leads for so long before the paused one wakes up.
LEADS: Final = 2.0

Act = Callable[[User], Awaitable[object]]
Condition = Callable[[Objects], bool]

_LASTING: Final = frozenset({"ModelVersion", "Secret", "Event", "Lease", "ServiceAccount"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds. `step`: for one step of a workload, faults and their healing included; `settle`:
    from its last step to the reference's end state; `quiet`: in which nothing may be written;
    `gone`: for what a deleted service owned. Only what is stuck waits for so long, so they are such
    that a machine with too much to do does not look like an operator that is stuck."""

    step: float = 240.0
    settle: float = 120.0
    quiet: float = 3.0
    gone: float = 60.0


class Stuck(Exception):  # noqa: N818 - a result, not a fault of this program
    """What a plan waited for did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all plans share."""

    upstream: Upstream  # as the user and the history speak to the API server
    operator_upstream: Upstream  # as the proxies do
    historian: Historian
    launcher: Launcher
    directory: Path
    limits: Limits
    settings: Mapping[str, str]  # the operator's flags
    platform: Mapping[str, Any]  # its platform file


async def play(
    plan: Plan, *, workload: Workload, stage: Stage, namespace: str, wanted: State | None
) -> Run:
    """Play a plan. `wanted` is the end state of the reference run, None where this is it."""
    history = stage.historian.open(namespace)
    try:
        await stage.upstream.json(
            "POST",
            "/api/v1/namespaces",
            body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        )
        return await _Play(plan, workload, stage, history, wanted).run()
    finally:
        stage.historian.close(namespace)


class _Play:
    def __init__(
        self, plan: Plan, workload: Workload, stage: Stage, history: History, wanted: State | None
    ) -> None:
        self._plan = plan
        self._workload = workload
        self._limits = stage.limits
        self._history = history
        self._wanted = wanted
        self._rules = Rules(plan.faults)
        count = max(plan.operators, workload.operators)
        self._operators = Operators(
            launcher=stage.launcher,
            directory=stage.directory / history.namespace,
            arguments=_arguments(
                {**stage.settings, **plan.settings},
                namespace=history.namespace,
                elect=count > 1,
            ),
            platform=merged(stage.platform, workload.platform or {}),
            count=count,
        )
        self._proxy = Proxy(
            upstream=stage.operator_upstream,
            namespace=history.namespace,
            rules=self._rules,
            control=self._operators,
        )
        self._operators.connect(self._proxy)
        self._user = PlanUser(
            upstream=stage.upstream, history=history, restart=self._operators.restart
        )
        self._result = Run(
            plan=plan, namespace=history.namespace, began=time.monotonic(), history=history
        )
        self._result.trace = self._proxy.trace
        self._result.exits = self._operators.exits
        self._result.logs = self._operators.logs
        self._result.fired = self._rules.fired

    async def run(self) -> Run:
        result = self._result
        waking = asyncio.create_task(self._wake())
        try:
            await self._begin()
            for step in self._workload.steps:
                await self._step(step.name, act=step.act, until=step.until)
            await self._settle(waking)
            await self._keep_quiet()
            await self._delete()
        except Stuck as stuck:
            result.stuck = str(stuck)
        finally:
            waking.cancel()
            await self._operators.stop()
            await self._proxy.close()
        result.ended = time.monotonic()
        return result

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._limits.step):
                await self._operators.begin()
        except TimeoutError:
            raise Stuck(f"the operator does not watch after {self._limits.step:g} s") from None

    async def _step(self, name: str, *, act: Act, until: Condition) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.step):
                await act(self._user)
                await self._history.until(until)
        except TimeoutError:
            self._result.moments.append(Moment(step=name, began=began, ended=None))
            raise Stuck(f"step {name!r} was not over in {self._limits.step:g} s") from None
        except Refused as refused:
            self._result.moments.append(Moment(step=name, began=began, ended=None))
            raise Stuck(f"step {name!r}: the user was refused: {str(refused)[:500]}") from None
        self._result.moments.append(Moment(step=name, began=began, ended=time.monotonic()))

    async def _settle(self, waking: asyncio.Task[None]) -> None:
        """Wait until all is as in the reference run, and stands still."""
        until = self._workload.steps[-1].until
        still = STILL_REFERENCE if self._wanted is None else STILL
        unlike = ["the last step's end did not last"]
        try:
            async with asyncio.timeout(self._limits.settle):
                if self._operators.paused.is_set():
                    await waking
                while True:
                    await self._stand_still(still)
                    if until(self._history.objects):
                        unlike = self._unlike()
                        if not unlike:
                            break
                    await self._history.changed()
        except TimeoutError:
            told = "; ".join(unlike[:5])
            raise Stuck(
                f"it did not come to the end state in {self._limits.settle:g} s: {told}"
            ) from None
        self._result.converged_at = time.monotonic()

    async def _stand_still(self, seconds: float) -> None:
        """Return when nothing has changed for so long (on a machine that keeps up), all operators
        watch, and none asks."""
        while True:
            await self._operators.all_watching()
            still = min(time.monotonic() - self._history.moved, self._proxy.silence)
            wanted = seconds * _slowness()
            if still >= wanted and self._operators.at_rest:
                return
            await asyncio.sleep(max(wanted - still, REST))

    def _unlike(self) -> list[str]:
        if self._wanted is None:
            return []
        state = normalised(self._history.objects, namespace=self._history.namespace)
        return [] if state == self._wanted else difference(state, self._wanted)

    async def _keep_quiet(self) -> None:
        began = time.monotonic()
        await asyncio.sleep(self._limits.quiet)
        self._result.quiet = (began, time.monotonic())
        self._result.end = dict(self._history.objects)

    async def _delete(self) -> None:
        """Delete every ModelService and wait until what they owned is gone."""
        self._result.deleted_at = time.monotonic()
        for kind, name in list(self._history.objects):
            if kind == names.KIND_SERVICE:
                await self._user.delete(kind, name)
        try:
            async with asyncio.timeout(self._limits.gone):
                while not _nothing_owned(self._history.objects):
                    await self._history.until(_nothing_owned)
                    await self._stand_still(STILL)
        except TimeoutError:
            pass  # what is left is for the oracles to judge
        self._result.left = dict(self._history.objects)

    async def _wake(self) -> None:
        """Let a paused operator go on once another one has led for a while."""
        await self._operators.paused.wait()
        before = _holder(self._history.objects)
        await self._history.until(lambda objects: _holder(objects) not in {"", before})
        await asyncio.sleep(LEADS)
        self._operators.resume()


def _arguments(settings: Mapping[str, str], *, namespace: str, elect: bool) -> list[str]:
    own = {"namespace": namespace, "leader-elect": "true" if elect else "false"}
    return [f"--{name}={value}" for name, value in {**own, **settings}.items()]


def _owned(item: Manifest) -> bool:
    """Whether an object goes with a ModelService."""
    if item["kind"] == names.KIND_SERVICE:
        return True
    owners = item["metadata"].get("ownerReferences") or ()
    return item["kind"] not in _LASTING and any(owner.get("controller") for owner in owners)


def _slowness() -> float:
    """1 on a machine that is not overloaded; how many times slower it is else."""
    return max(1.0, os.getloadavg()[0] / (BUSY * (os.cpu_count() or 1)))


def _nothing_owned(objects: Objects) -> bool:
    return not any(map(_owned, objects.values()))


def _holder(objects: Objects) -> str:
    for (kind, _), item in objects.items():
        if kind == "Lease":
            return str(item["spec"].get("holderIdentity") or "")
    return ""
