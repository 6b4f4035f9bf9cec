"""A run of all plans that was interrupted goes on; what held for other sources counts nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.faults.plan import Plan
from e2e.faults.report import Report, source
from e2e.faults.suite import Verdict
from tests.faults.told import Told


def verdict(name: str, *violations: str) -> Verdict:
    plan = Plan(id=f"created/kill/{name}", workload="created", kind="kill")
    return Verdict(plan=plan, violations=violations, reached=True, seconds=2.0, run=Told().run)


def played(directory: Path, *, source: str = "a", resume: bool = True) -> Report:
    return Report(directory, total=3, source=source, resume=resume)


def test_what_held_is_taken_up(tmp_path: Path) -> None:
    played(tmp_path).tell(verdict("one"))
    report = played(tmp_path)
    assert report.held == {"created/kill/one"}
    assert "2 of 3 plans are left" in report.table()
    report.tell(verdict("two"))
    assert played(tmp_path).held == {"created/kill/one", "created/kill/two"}


def test_what_was_violated_is_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(tmp_path).tell(verdict("one", "writes: too many"))
    assert "VIOLATED created/kill/one" in capsys.readouterr().out
    report = played(tmp_path)
    assert report.held == set()
    assert report.violated == []


def test_other_sources_begin_anew(tmp_path: Path) -> None:
    """The harm: an operator that is broken by now passes by what an older one has shown."""
    played(tmp_path).tell(verdict("one"))
    assert played(tmp_path, source="b").held == set()


def test_a_subset_begins_anew(tmp_path: Path) -> None:
    played(tmp_path).tell(verdict("one"))
    assert played(tmp_path, resume=False).held == set()


def test_a_line_that_a_kill_cut_is_left_out(tmp_path: Path) -> None:
    played(tmp_path).tell(verdict("one"))
    with (tmp_path / "results.jsonl").open("a") as stream:
        stream.write('{"plan": "created/ki')
    assert played(tmp_path).held == {"created/kill/one"}
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["plan"] for line in lines] == ["created/kill/one"]


def test_the_source_is_the_operator_and_the_suite(tmp_path: Path) -> None:
    for name in (
        "operator/a.py",
        "e2e/faults/oracles/b.py",
        "e2e/faults/results/c.py",
        "docs/d.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    before = source(tmp_path)
    (tmp_path / "docs/d.py").write_text("2")
    (tmp_path / "e2e/faults/results/c.py").write_text("2")
    assert source(tmp_path) == before
    (tmp_path / "operator/a.py").write_text("2")
    assert source(tmp_path) != before
