"""Every promise in docs/operations.md names what proves it by a name that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "operations.md").read_text().partition("\n## Promises\n")[2]
PROMISES = TEXT.partition("\n## ")[0]
FOLDERS = {
    "test": ("e2e/availability", "e2e/suite"),
    "oracle": ("e2e/faults/oracles",),
    "workload": ("e2e/faults/workloads",),
    "scenario": ("e2e/bench/scenarios",),
}


def names(before: str) -> set[str]:
    """The names in backquotes after a word: "oracles `floor`, `quiet`"."""
    lists = re.findall(rf"{before}s?:? ((?:`\w+`(?:, )?)+)", PROMISES)
    return {name for found in lists for name in re.findall(r"`(\w+)`", found)}


def missing(wanted: set[str], *, kind: str) -> set[str]:
    there = {file.stem for folder in FOLDERS[kind] for file in (ROOT / folder).glob("*.py")}
    return wanted - there


def test_tests_exist() -> None:
    found = set(re.findall(r"`(test_\w+)`", PROMISES))
    assert len(found) > 10
    assert missing(found, kind="test") == set()


def test_oracles_and_workloads_exist() -> None:
    for kind in ("oracle", "workload"):
        assert names(kind)
        assert missing(names(kind), kind=kind) == set()


def test_scenarios_of_the_bench_exist() -> None:
    assert names("`make bench`")
    assert missing(names("`make bench`"), kind="scenario") == set()


def test_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`make (\S+?)`", PROMISES)):
        assert f"\n{target}:" in makefile
