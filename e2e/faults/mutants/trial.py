"""Plays the mutants' plans: first with the operator as it is, then with each mistake."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.faults.mutants.mutant import Mutant, seed
from e2e.faults.mutants.probes import PROBES
from e2e.faults.mutants.seeded import MUTANTS
from e2e.faults.runner import Limits
from e2e.faults.suite import Reference, Suite, Verdict
from e2e.rig.operators import Launcher

# A mistake often shows in something that never comes: not long is waited for it.
LIMITS: Final = Limits(step=32.0, settle=15.0, quiet=2.0, gone=15.0)
# Each has a process that has imported its own operator.
AT_A_TIME: Final = 8
WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a mutant: the plan that caught it (empty: none) and what was violated."""

    mutant: Mutant
    plan: str
    violations: tuple[str, ...]
    seconds: float

    @property
    def oracles(self) -> list[str]:
        return sorted({violation.partition(":")[0] for violation in self.violations})


def workloads() -> list[str]:
    """Those that the plans need."""
    return sorted({plan.workload for plan in PROBES.values()})


async def trials(suite: Suite, *, references: Mapping[str, Reference]) -> int:
    """The exit status: 1 where a mutant lives, or where the operator as it is does not pass."""
    began = time.monotonic()
    suite = suite.within(LIMITS)
    sound = await _control(suite, references=references)
    slots = asyncio.Semaphore(AT_A_TIME)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_try(mutant, suite=suite, references=references, slots=slots))
            for mutant in MUTANTS
        ]
    found = [task.result() for task in running]
    print(table(found))
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if sound and all(trial.plan for trial in found) else 1


def table(found: list[Trial]) -> str:
    """A line a mutant: by which plan it was caught, by which oracles, and what the first said."""
    lines = [f"{'mutant':<24} {'caught by':<24} {'oracles':<34} seconds"]
    for trial in found:
        oracles = ", ".join(trial.oracles)
        plan = trial.plan or "NOBODY"
        lines.append(f"{trial.mutant.name:<24} {plan:<24} {oracles:<34} {trial.seconds:7.1f}")
        lines += [f"    {violation[:WIDTH]}" for violation in trial.violations[:1]]
    caught = sum(1 for trial in found if trial.plan)
    return "\n".join([*lines, f"{caught} of {len(found)} mutants were caught"])


async def _control(suite: Suite, *, references: Mapping[str, Reference]) -> bool:
    """Whether the operator as it is passes all of the plans."""
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(suite.verdict(plan, references=references))
            for plan in PROBES.values()
        ]
    verdicts = [
        await _second(task.result(), suite=suite, references=references) for task in running
    ]
    for verdict in verdicts:
        if not verdict.reached:
            print(f"{verdict.plan.id}: its fault found no place: {verdict.run.fired}")
        for violation in verdict.violations:
            print(f"VIOLATED without any mistake: {verdict.plan.id}: {violation}")
    return all(verdict.reached and not verdict.violations for verdict in verdicts)


async def _second(
    verdict: Verdict, *, suite: Suite, references: Mapping[str, Reference]
) -> Verdict:
    """The limits are short: a plan that was violated beside all others is played alone."""
    if verdict.reached and not verdict.violations:
        return verdict
    print(f"once more: {verdict.plan.id}")
    return await suite.verdict(verdict.plan, references=references)


async def _try(
    mutant: Mutant, *, suite: Suite, references: Mapping[str, Reference], slots: asyncio.Semaphore
) -> Trial:
    async with slots:
        began = time.monotonic()
        with ExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="modelservice-mutant-"))
            source = seed(mutant, target=Path(name))
            launcher = stack.enter_context(Launcher.start(source=source))
            other = suite.using(launcher)
            # twice: some mistakes show only when the cluster is slower, or faster, than they are
            for probe in (*mutant.probes, *mutant.probes):
                verdict = await other.verdict(PROBES[probe], references=references)
                if verdict.violations:
                    seconds = time.monotonic() - began
                    return Trial(mutant, probe, verdict.violations, seconds)
        return Trial(mutant, "", (), time.monotonic() - began)
