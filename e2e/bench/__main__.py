"""The command line: `python -m e2e.bench [run NAME… | report | list] [--quick] [--results PATH]`.

A run ends with a table of what it measured against the budgets; its exit status is 1 where one is
not met or a scenario failed. A quick run is for trying the scenarios; its results go to
build/bench.
"""

import argparse
import asyncio
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from e2e.bench import machine, report, results
from e2e.bench.pairs import HANDS
from e2e.bench.results import Result
from e2e.bench.scenario import Scenario, every
from e2e.bench.trial import Shared, Skipped, Trial
from e2e.cluster.report import note
from e2e.rig.operators import Launcher

QUICK = machine.ROOT / "build" / "bench"


def main(words: Sequence[str]) -> int:
    """Run a command; the exit status."""
    scenarios = every()
    given = _parsed(words, known=list(scenarios))
    directory = given.results or (QUICK if given.quick else results.DIRECTORY)
    if given.command == "list":
        for scenario in scenarios.values():
            print(f"{scenario.name:<16}{scenario.minutes:4.0f} min  {scenario.about}")
        return 0
    if given.command == "report":
        report.write(directory)
        return 0
    chosen = [scenarios[name] for name in given.names] or [
        scenario for scenario in scenarios.values() if scenario.quick or not given.quick
    ]
    shared = _shared(results.latest(directory))
    found, failed = [], []
    try:
        for item in chosen:
            try:
                found.append(_run(item, given=given, shared=shared, directory=directory))
            except Skipped as skipped:
                note(f"    left out: {skipped}")
            except Exception:  # noqa: BLE001 - one of them must not cost the others their hour
                traceback.print_exc()
                failed.append(item.name)
    except KeyboardInterrupt:
        note("\nbench: interrupted; what had ended is kept")
        return 130
    print(report.table(found))
    if directory == results.DIRECTORY:
        report.write()
    if failed:
        note(f"bench: {', '.join(failed)} failed; the reasons stand above")
    missed = any(figure.met is False for result in found for figure in result.figures)
    return int(missed or bool(failed))


def _run(
    scenario: Scenario, *, given: argparse.Namespace, shared: Shared, directory: Path
) -> Result:
    note(f"{scenario.name}: {scenario.about}")
    began, before = datetime.now(UTC), machine.describe()
    source = machine.source(given.source)
    starting = Launcher.start(source=given.source)
    with starting as launcher, tempfile.TemporaryDirectory(prefix="bench-") as name:
        figures = {figure.name: figure for figure in scenario.figures}
        trial = Trial(given.quick, launcher, Path(name), figures, shared)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(scenario.run(trial))
    result = results.write(
        trial,
        scenario=scenario.name,
        about=scenario.about,
        order=scenario.order,
        began=began,
        before=before,
        source=source,
        directory=directory,
    )
    for figure in result.figures:
        mark = {True: "met", False: "NOT MET", None: ""}[figure.met]
        note(f"    {figure.figure.what}: {figure.text()}  {figure.figure.budget}  {mark}".rstrip())
    return result


def _shared(found: Sequence[Result]) -> Shared:
    """With what an earlier run found out."""
    hands = [result.parameters[HANDS] for result in found if HANDS in result.parameters]
    return Shared(hands=hands[0]) if hands else Shared()


def _parsed(words: Sequence[str], *, known: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e.bench", description=__doc__)
    parser.add_argument("command", nargs="?", default="run", choices=("run", "report", "list"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; all without one")
    parser.add_argument("--quick", action="store_true", help="small, once: a try of the scenarios")
    parser.add_argument("--results", type=Path, help="where results are kept")
    parser.add_argument(
        "--source", type=Path, default=machine.ROOT, help="the checkout whose operator is measured"
    )
    given = parser.parse_args(words)
    for name in given.names:
        if name not in known:
            parser.error(f"there is no scenario {name}; choose among {', '.join(known)}")
    return given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
