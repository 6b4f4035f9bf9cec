"""Result files: `<scenario>.json` with figures, versions and machine, and its raw rows as CSV.

A run replaces what the scenario had; the history is the repository's.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from e2e.bench import machine
from e2e.bench.figure import Measured
from e2e.bench.trial import Trial

DIRECTORY = Path(__file__).with_name("results")
# Flags name files of the machine they were measured on; the last part says enough.
_FOLDERS = re.compile(r"(?<==)/(?:[^\s/]+/)+")

# Ports are random, and another one in each run.
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=--secure-port=)\d+")

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Result:
    """What a results file says."""

    scenario: str
    about: str
    order: int
    measured: datetime
    quick: bool
    seconds: float
    figures: tuple[Measured, ...]
    document: Mapping[str, Any]
    directory: Path

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Sizes that the scenario chose."""
        found: Mapping[str, Any] = self.document["parameters"]
        return found

    @property
    def tables(self) -> Sequence[str]:
        """Names of its tables of raw rows."""
        found: Sequence[str] = self.document["tables"]
        return found

    @property
    def text(self) -> str | None:
        """What it tells in words, if it does."""
        file = self.directory / f"{self.scenario}.txt"
        return file.read_text() if file.exists() else None

    def rows(self, table: str) -> Rows:
        """A table of raw rows; empty if there is none of this name."""
        file = self.directory / f"{self.scenario}.{table}.csv"
        if not file.exists():
            return []
        with file.open(newline="") as stream:
            return list(csv.DictReader(stream))


def write(
    trial: Trial,
    *,
    scenario: str,
    about: str,
    order: int,
    began: datetime,
    before: Mapping[str, Any],
    source: Mapping[str, str],
    directory: Path,
) -> Result:
    """Keep what a trial found. `before` is `machine.describe()` before it began."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob(f"{scenario}.*"):
        old.unlink()
    document = {
        "scenario": scenario,
        "about": about,
        "order": order,
        "measured": began.isoformat(timespec="seconds"),
        "quick": trial.quick,
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "figures": [item.record() for item in trial.measured()],
        "parameters": trial.parameters,
        "machine": dict(before),
        "source": dict(source),
        "versions": {
            **{name: _anonymous(text) for name, text in trial.versions.items()},
            **machine.packages(),
        },
        "tables": sorted(trial.tables),
    }
    (directory / f"{scenario}.json").write_text(json.dumps(document, indent=1) + "\n")
    for table, rows in trial.tables.items():
        with (directory / f"{scenario}.{table}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if trial.text:
        (directory / f"{scenario}.txt").write_text(trial.text)
    return read(directory / f"{scenario}.json")


def read(file: Path) -> Result:
    """One results file."""
    document = json.loads(file.read_text())
    return Result(
        scenario=document["scenario"],
        about=document["about"],
        order=document["order"],
        measured=datetime.fromisoformat(document["measured"]),
        quick=document["quick"],
        seconds=document["seconds"],
        figures=tuple(Measured.read(record) for record in document["figures"]),
        document=document,
        directory=file.parent,
    )


def latest(directory: Path = DIRECTORY) -> list[Result]:
    """What each scenario found last, in the order of the report."""
    found = [read(file) for file in directory.glob("*.json")]
    return sorted(found, key=lambda result: (result.order, result.scenario))


def _anonymous(flags: str) -> str:
    return _PORT.sub("PORT", _FOLDERS.sub("", flags))
