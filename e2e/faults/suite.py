"""Plays many plans at a time on one cluster: first the workloads as they are, then with faults.

async with Suite.open(client, launcher=launcher, …) as suite:
    references = await suite.references(workloads)
    await suite.judge(plans, references=references, tell=…)
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from e2e.cluster.client import Client
from e2e.faults import oracles
from e2e.faults.historian import Historian
from e2e.faults.oracles.state import State, normalised
from e2e.faults.plan import Plan
from e2e.faults.run import Run
from e2e.faults.runner import Limits, Stage, play
from e2e.faults.upstream import Upstream
from e2e.faults.workload import Workload
from e2e.faults.workloads import WORKLOADS
from e2e.rig.operators import PLATFORM, Launcher
from e2e.rig.plane import MASTERS

# Who the operators are in the API server's audit log.
OPERATOR: Final = "system:serviceaccount:modelservice-system:modelservice-operator"


@dataclass(frozen=True, slots=True)
class Reference:
    """A workload without faults: its run and the state that it ended in."""

    run: Run
    state: State


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a plan."""

    plan: Plan
    violations: tuple[str, ...]
    reached: bool  # whether all of its faults struck
    seconds: float
    run: Run


class Suite:
    """Plays plans; `open` makes one."""

    def __init__(self, stage: Stage, *, jobs: int, prefix: str) -> None:
        self._stage = stage
        self._slots = asyncio.Semaphore(jobs)
        self._prefix = prefix
        self._numbers = count(1)  # of namespaces; all suites on one cluster share them

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        own: Client,
        *,
        launcher: Launcher,
        directory: Path,
        jobs: int,
        limits: Limits,
        settings: Mapping[str, str],
        platform: Mapping[str, Any] = PLATFORM,
        prefix: str = "plan",
    ) -> AsyncIterator[Self]:
        """On the cluster that `own` is an administrator of; the event loop has to be the one of the
        caller's main thread. `settings` and `platform` are the operators' flags and platform file;
        plans' namespaces begin with `prefix`."""
        identity = own.authority.issue("faults-operator", subject=f"/O={MASTERS}/CN={OPERATOR}")
        as_operator = Client(own.host, own.port, own.authority, identity)
        async with (
            Upstream.open(own) as upstream,
            Upstream.open(as_operator) as operators,
            Historian.follow(upstream) as historian,
        ):
            stage = Stage(
                upstream=upstream,
                operator_upstream=operators,
                historian=historian,
                launcher=launcher,
                directory=directory,
                limits=limits,
                settings=settings,
                platform=platform,
            )
            yield cls(stage, jobs=jobs, prefix=prefix)

    def using(self, launcher: Launcher) -> Suite:
        """The same, with operators of other sources."""
        other = Suite(replace(self._stage, launcher=launcher), jobs=0, prefix=self._prefix)
        other._slots = self._slots
        other._numbers = self._numbers
        return other

    def within(self, limits: Limits) -> Suite:
        """The same, with other limits."""
        other = self.using(self._stage.launcher)
        other._stage = replace(other._stage, limits=limits)
        return other

    async def references(self, names: Iterable[str]) -> dict[str, Reference]:
        """Play workloads without faults, all at the same time: those that are needed to make the
        plans of `names` and to judge them."""
        wanted = sorted(set().union(*(needed(WORKLOADS[name]) for name in names)))
        runs = await asyncio.gather(*(self._reference(WORKLOADS[name]) for name in wanted))
        return {
            run.plan.workload: Reference(run, normalised(run.end, namespace=run.namespace))
            for run in runs
        }

    async def judge(
        self,
        plans: Iterable[Plan],
        *,
        references: Mapping[str, Reference],
        tell: Callable[[Verdict], None],
        until: float = math.inf,
    ) -> None:
        """Play plans, the long ones first, and let the oracles look; `tell` is called as verdicts
        are reached. None is begun after `until`, of the monotonic clock.

        Nothing of a run is kept after that: histories are large.
        """

        def length(plan: Plan) -> float:
            workload = WORKLOADS[plan.workload]
            usual = references[workload.like or workload.name].run
            steps = len(workload.steps) / len(WORKLOADS[usual.plan.workload].steps)
            return (usual.ended - usual.began) * steps + plan.waits

        async def one(plan: Plan) -> None:
            async with self._slots:
                if time.monotonic() < until:
                    tell(await self._verdict(plan, references=references))

        async with asyncio.TaskGroup() as tasks:
            for plan in sorted(plans, key=length, reverse=True):
                tasks.create_task(one(plan))

    async def verdict(self, plan: Plan, *, references: Mapping[str, Reference]) -> Verdict:
        """Play one plan and let the oracles look."""
        async with self._slots:
            return await self._verdict(plan, references=references)

    async def _verdict(self, plan: Plan, *, references: Mapping[str, Reference]) -> Verdict:
        workload = WORKLOADS[plan.workload]
        reference = references[workload.like or plan.workload]
        began = time.monotonic()
        run = await self._play(plan, workload=workload, wanted=reference.state)
        violations = oracles.check(run, reference.run)
        return Verdict(
            plan=plan,
            violations=tuple(violations),
            reached=all(run.fired),
            seconds=time.monotonic() - began,
            run=run,
        )

    async def _reference(self, workload: Workload) -> Run:
        plan = Plan(id=f"{workload.name}/reference", workload=workload.name, kind="reference")
        # All at the same time: most of each is the silence at its end.
        return await self._play(plan, workload=workload, wanted=None)

    async def _play(self, plan: Plan, *, workload: Workload, wanted: State | None) -> Run:
        namespace = f"{self._prefix}-{next(self._numbers):05d}"
        return await play(
            plan, workload=workload, stage=self._stage, namespace=namespace, wanted=wanted
        )


def needed(workload: Workload) -> set[str]:
    """The references that a workload's plans need."""
    return ({workload.name} if workload.faults else set()) | {workload.like or workload.name}
