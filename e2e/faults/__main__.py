"""`python -m e2e.faults`: plays plans and ends with a table; status 1 where one is violated.

--subset            the part that runs in CI (the default)
--all               every plan; one that is quiet has to stay so for a minute. Goes on where an
                    earlier run of the same sources was interrupted
--minutes N         begin no plan after so many minutes, and end with the table
--plan PATTERN      those whose ids match (as the shell's), any number of times
--list              tell the ids and play no more than the fault-free workloads
--mutants           seeded mistakes in the operator, each of which the plans have to catch
--real              on the embedded cluster, which is brought up for it: real Triton, real training
--again             what is violated is played once more, and counts where it is violated twice
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import uvloop

from e2e.cluster.problem import Problem
from e2e.faults import oracles
from e2e.faults.generate import fault_free, plans
from e2e.faults.grounds import Embedded, Ground, Played
from e2e.faults.mutants import trial
from e2e.faults.plan import Plan
from e2e.faults.report import Report
from e2e.faults.runner import Limits
from e2e.faults.story import story
from e2e.faults.subset import SIZE, subset
from e2e.faults.suite import Reference, Suite, needed
from e2e.faults.workloads import WORKLOADS
from e2e.rig.operators import Launcher

RESULTS: Final = Path(__file__).with_name("results")
QUIET: Final = 3.0
QUIET_ALL: Final = 60.0
# Most of a plan is waiting; more at a time, and two cores only make all of them slower.
JOBS: Final = 16
JOBS_ALL: Final = 64  # most of a minute is silence
JOBS_REAL: Final = 3  # each has Tritons of its own
SIZE_REAL: Final = 20
STEP_REAL: Final = 360.0  # seconds
# Nothing of a plan is cleared away but what its services owned; after so many, on a fresh control
# plane, clearing up costs nothing.
PLANS_A_PLANE: Final = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    given = _parsed(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="modelservice-faults-") as directory,
        Launcher.start() as launcher,
    ):
        try:
            ground = _ground(given, launcher=launcher, directory=Path(directory))
            return uvloop.run(_run(given, ground=ground))
        except Problem as problem:
            print(f"faults: {problem}")
            return 1
        except KeyboardInterrupt:
            print("interrupted; with --all, the next run goes on from here")
            return 130


def _ground(given: argparse.Namespace, *, launcher: Launcher, directory: Path) -> Ground:
    """What to play on, and how many plans at a time."""
    quiet = given.quiet or (QUIET_ALL if given.all or given.real else QUIET)
    if given.real:
        limits = Limits(step=STEP_REAL, quiet=quiet)
        return Embedded(launcher, directory, jobs=given.jobs or JOBS_REAL, limits=limits)
    jobs = given.jobs or (JOBS_ALL if given.all else JOBS)
    return Played(launcher, directory, jobs=jobs, limits=Limits(quiet=quiet))


async def _run(given: argparse.Namespace, *, ground: Ground) -> int:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        suite = await stack.enter_async_context(ground.suite())
        alone = given.mutants and not (given.all or given.plan or given.subset)
        names = [] if alone else [name for name in WORKLOADS if _concerns(given, name)]
        mutants = trial.workloads() if given.mutants else []
        references = await suite.references({*names, *mutants})
        print(f"{len(references)} references after {time.monotonic() - began:.0f} s", flush=True)
        unsound = _unsound(references, results=given.results)
        if unsound and given.again:
            print("once more:", *unsound)
            references |= await suite.references(set(unsound))
            unsound = _unsound(references, results=given.results)
        sound = {name: found for name, found in references.items() if name not in unsound}
        every = _plans(names, sound)
        chosen = _chosen(given, every)
        print(f"{len(chosen)} of {len(every)} plans", flush=True)
        if given.list:
            print("\n".join(str(plan) for plan in chosen))
            return 1 if unsound else 0
        if given.plan and not chosen:
            print(f"no plan is called {' or '.join(given.plan)}; --list tells them")
        bad = bool(unsound) or bool(given.plan and not chosen)
        if not alone:
            report = Report(given.results, total=len(chosen), resume=given.all)
            until = began + 60.0 * given.minutes
            for number, part in enumerate(_parts(chosen, held=report.held)):
                if number and time.monotonic() < until:
                    await stack.aclose()
                    suite = await stack.enter_async_context(ground.suite())
                await suite.judge(part, references=references, tell=report.tell, until=until)
            report.finish(version=ground.kubernetes)
            violated = report.violated
            if given.again and violated:
                violated = await _again(
                    [plan for plan in chosen if plan.id in set(violated)],
                    suite=suite,
                    references=references,
                    results=given.results,
                    kubernetes=ground.kubernetes,
                )
            bad |= bool(violated)
        if given.mutants:
            bad |= bool(await trial.trials(suite, references=references))
        return int(bad)


def _parts(chosen: Sequence[Plan], *, held: Collection[str]) -> Iterator[list[Plan]]:
    """The plans that are still to be played, those of one control plane at a time."""
    if held:
        print(f"{len(held)} of them held in an earlier run of the same sources", flush=True)
    left = [plan for plan in chosen if plan.id not in held]
    for begin in range(0, len(left), PLANS_A_PLANE):
        yield left[begin : begin + PLANS_A_PLANE]


async def _again(
    plans: Sequence[Plan],
    *,
    suite: Suite,
    references: Mapping[str, Reference],
    results: Path,
    kubernetes: str,
) -> list[str]:
    """The ids of those that are violated when they are played once more.

    A machine that others use too can starve a process for longer than any limit here. That is
    not what is judged; a plan that is violated now and then stands in the log all the same.
    """
    print("once more:", *(plan.id for plan in plans))
    report = Report(results / "again", total=len(plans))
    await suite.judge(plans, references=references, tell=report.tell)
    report.finish(version=kubernetes)
    return report.violated


def _concerns(given: argparse.Namespace, name: str) -> bool:
    """Whether a workload's plans are asked for: their ids begin with its name."""
    if (WORKLOADS[name].pods == "real") != given.real:
        return False
    wanted = [pattern.partition("/")[0] for pattern in given.plan or ["*"]]
    return fnmatchcase(name, given.workload) and any(fnmatchcase(name, one) for one in wanted)


def _plans(names: Sequence[str], references: Mapping[str, Reference]) -> list[Plan]:
    """Of workloads that go well by themselves; the others are told of already."""
    sound = [WORKLOADS[name] for name in names if needed(WORKLOADS[name]) <= references.keys()]
    sound.sort(key=lambda workload: (len(workload.steps), workload.name))
    traces = {
        workload.name: references[workload.name].run.trace for workload in sound if workload.faults
    }
    return [*(fault_free(one) for one in sound if not one.faults), *plans(traces)]


def _unsound(references: Mapping[str, Reference], *, results: Path) -> list[str]:
    """The workloads that go wrong without any fault; tells of them."""
    found = []
    for name, reference in references.items():
        violations = oracles.check(reference.run, reference.run)
        if violations:
            found.append(name)
            results.mkdir(parents=True, exist_ok=True)
            (results / f"{name}.reference.txt").write_text(story(reference.run, violations))
            print(f"VIOLATED by {name} without any fault:", *violations[:6], sep="\n    ")
    return found


def _chosen(given: argparse.Namespace, every: list[Plan]) -> list[Plan]:
    if given.plan:
        return [p for p in every if any(fnmatchcase(p.id, pattern) for pattern in given.plan)]
    size = SIZE_REAL if given.real else SIZE
    return every if given.all else subset(every, workloads=WORKLOADS, size=size)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m e2e.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--subset", action="store_true", help="what CI runs (the default)")
    which.add_argument("--all", action="store_true", help="every plan")
    which.add_argument("--plan", action="append", metavar="PATTERN", help="these plans")
    parser.add_argument("--list", action="store_true", help="tell the plans, play none")
    parser.add_argument("--mutants", action="store_true", help="test the tester too")
    parser.add_argument("--real", action="store_true", help="on the pods of the embedded cluster")
    parser.add_argument("--again", action="store_true", help="play what is violated once more")
    parser.add_argument("--workload", default="*", metavar="PATTERN", help="of these workloads")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no plan after them")
    parser.add_argument("--jobs", type=int, help="plans at a time")
    parser.add_argument("--quiet", type=float, metavar="SECONDS", help="length of the silence")
    parser.add_argument("--results", type=Path, default=RESULTS, help="a directory")
    given = parser.parse_args(arguments)
    if given.real and given.mutants:
        parser.error("mutants are tried on played pods: --real and --mutants exclude each other")
    if given.real and given.results == RESULTS:
        given.results = RESULTS / "real"
    return given


if __name__ == "__main__":
    sys.exit(main())
