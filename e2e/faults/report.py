"""Tells of a suite's run: a line a plan while it runs, a table at the end, JSON for machines.

Every verdict is kept as it comes, so a run of all plans, which takes hours, may be interrupted: the
next one takes up what held for the same operator and the same suite, and plays the rest.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from e2e.faults.story import story
from e2e.faults.suite import Verdict

# A line for plans that go well, every so many of them.
EVERY: Final = 25
# What is longer is in the story.
WIDTH: Final = 300
ROOT: Final = Path(__file__).parents[2]
# What a verdict is of: another operator, other plans or other oracles may come to another one.
JUDGED: Final = ("operator", "e2e/faults", "e2e/rig", "crds")


def source(root: Path = ROOT) -> str:
    """A digest of all that a verdict depends on in this checkout."""
    found = sha256()
    files = [file for name in JUDGED for file in (root / name).rglob("*") if _written(file)]
    for file in sorted(files):
        found.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


def _written(file: Path) -> bool:
    return file.suffix in {".py", ".yaml"} and "results" not in file.parts


@dataclass
class Report:
    """Collects verdicts. `directory` gets `results.jsonl` and a story for each violation.

    With `resume`, what an earlier run of the same `source` found is a part of it, see `held`.
    """

    directory: Path
    total: int
    source: str = field(default_factory=source)
    resume: bool = False
    held: set[str] = field(default_factory=set)  # ids of plans that an earlier run has shown
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
        kept = list(self._earlier()) if self.resume else []
        lines = "".join(json.dumps(line) + "\n" for line in kept)
        (self.directory / "results.jsonl").write_text(lines)
        for line in kept:
            self.held.add(line["plan"])
            self._count(line)

    def _earlier(self) -> Iterator[dict[str, Any]]:
        """What held in an earlier run of the same source. What did not is played again."""
        file = self.directory / "results.jsonl"
        if not file.exists():
            return
        for text in file.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # the run was killed while it wrote
            if line.get("source") == self.source and not line["violations"]:
                yield line

    def tell(self, verdict: Verdict) -> None:
        """Take in a verdict."""
        line = self._line(verdict)
        self._count(line)
        self._asked.update(
            " ".join(part for part in request.shape if part)
            for request in verdict.run.trace.requests
            if request.kind
        )
        if verdict.violations:
            self._tell_violation(verdict)
        with (self.directory / "results.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")
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
        if played < self.total:
            lines.append(f"{self.total - played} of {self.total} plans are left for the next run.")
        elapsed = time.monotonic() - self._began
        lines.append(
            f"{elapsed:.0f} s; {self._seconds / max(1, played):.1f} s a plan. "
            "Unreached: the fault's place did not come up in this run."
        )
        return "\n".join(lines)

    def _count(self, line: Mapping[str, Any]) -> None:
        kind = line["class"]
        self.verdicts += 1
        self._played[kind] += 1
        self._missed[kind] += not line["reached"]
        self._bad[kind] += bool(line["violations"])
        self._seconds += line["seconds"]

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

    def _line(self, verdict: Verdict) -> dict[str, Any]:
        run = verdict.run
        return {
            "plan": verdict.plan.id,
            "class": verdict.plan.kind,
            "workload": verdict.plan.workload,
            "source": self.source,
            "reached": verdict.reached,
            "violations": list(verdict.violations),
            "seconds": round(verdict.seconds, 1),
            "exits": [[item.process, item.status, item.expected] for item in run.exits],
            "writes": sum(1 for _ in run.trace.writes()),
            "stuck": run.stuck,
        }
