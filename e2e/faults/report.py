"""Tells of a suite's run: a line a plan while it runs, a table at the end, JSON for machines."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from e2e.faults.story import story
from e2e.faults.suite import Verdict

# A line for plans that go well, every so many of them.
EVERY: Final = 25
# What is longer is in the story.
WIDTH: Final = 300


@dataclass
class Report:
    """Collects verdicts. `directory` gets `results.jsonl` and a story for each violation."""

    directory: Path
    total: int
    verdicts: int = 0
    violated: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _played: Counter[str] = field(default_factory=Counter)
    _missed: Counter[str] = field(default_factory=Counter)
    _bad: Counter[str] = field(default_factory=Counter)
    _oracles: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _asked: Counter[str] = field(default_factory=Counter)
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "results.jsonl").write_text("")

    def tell(self, verdict: Verdict) -> None:
        """Take in a verdict."""
        kind = verdict.plan.kind
        self.verdicts += 1
        self._played[kind] += 1
        self._missed[kind] += not verdict.reached
        self._seconds += verdict.seconds
        self._asked.update(
            " ".join(part for part in request.shape if part)
            for request in verdict.run.trace.requests
            if request.kind
        )
        if verdict.violations:
            self._bad[kind] += 1
            self._tell_violation(verdict)
        self._write(verdict)
        if self.verdicts % EVERY == 0:
            elapsed = time.monotonic() - self._began
            print(f"{self.verdicts:5} of {self.total} plans, {elapsed:.0f} s", flush=True)

    def finish(self, *, version: str) -> None:
        """Print the table and leave it, for those who quote it, in `summary.json`."""
        print(self.table())
        classes = {
            kind: {
                "played": self._played[kind],
                "unreached": self._missed[kind],
                "violated": self._bad[kind],
            }
            for kind in sorted(self._played)
        }
        summary = {
            "kubernetes": version,
            "plans": sum(self._played.values()),
            "seconds": round(time.monotonic() - self._began),
            "classes": classes,
            "violated": sorted(self.violated),
            # what the operators asked of the API server: verb, kind and subresource, how often
            "requests": dict(sorted(self._asked.items())),
        }
        (self.directory / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")

    def table(self) -> str:
        """Class of plan, how many were played, how many violate what."""
        lines = [f"{'class of plan':<16} {'played':>6} {'unreached':>9} {'violated':>8}  by oracle"]
        for kind in sorted(self._played):
            by = ", ".join(f"{name} {count}" for name, count in self._oracles[kind].items())
            row = f"{kind:<16} {self._played[kind]:>6} {self._missed[kind]:>9} {self._bad[kind]:>8}"
            lines.append(f"{row}  {by}".rstrip())
        played, missed, bad = (
            sum(counter.values()) for counter in (self._played, self._missed, self._bad)
        )
        lines.append(f"{'all':<16} {played:>6} {missed:>9} {bad:>8}")
        elapsed = time.monotonic() - self._began
        lines.append(
            f"{elapsed:.0f} s; {self._seconds / max(1, played):.1f} s a plan. "
            "Unreached: the fault's place did not come up in this run."
        )
        return "\n".join(lines)

    def _tell_violation(self, verdict: Verdict) -> None:
        plan = verdict.plan
        self.violated.append(plan.id)
        for name in {violation.partition(":")[0] for violation in verdict.violations}:
            self._oracles[plan.kind][name] += 1
        file = self.directory / f"{plan.id.replace('/', '.')}.txt"
        file.write_text(story(verdict.run, verdict.violations))
        print(f"VIOLATED {plan.id}  ({file.name})", flush=True)
        for violation in verdict.violations[:4]:
            print(f"    {violation[:WIDTH]}", flush=True)

    def _write(self, verdict: Verdict) -> None:
        run = verdict.run
        line = {
            "plan": verdict.plan.id,
            "class": verdict.plan.kind,
            "workload": verdict.plan.workload,
            "reached": verdict.reached,
            "violations": list(verdict.violations),
            "seconds": round(verdict.seconds, 1),
            "exits": [[item.process, item.status, item.expected] for item in run.exits],
            "writes": sum(1 for _ in run.trace.writes()),
            "stuck": run.stuck,
        }
        with (self.directory / "results.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")
