"""The report says what the results say."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e.bench import report, results
from e2e.bench.figure import Figure
from e2e.bench.results import Result
from e2e.bench.scenario import every
from e2e.bench.trial import Trial
from e2e.rig.operators import Launcher

FIGURES = (
    Figure("fast", "how fast", unit="ms", at_most=10.0),
    Figure("slow", "how slow", unit="ms", at_most=10.0),
    Figure("told", "how told"),
)
HOST = {"processor": "CPU", "cores": 2, "memory_gib": 8, "kernel": "6.1", "load": 0.1}


@pytest.fixture
def result(tmp_path: Path) -> Result:
    launcher = Launcher.__new__(Launcher)  # a scenario that starts nothing
    trial = Trial(False, launcher, tmp_path, {figure.name: figure for figure in FIGURES})
    trial.measure("fast", 5.0, 6.0, 7.0)
    trial.measure("slow", 50.0)
    trial.measure("told", 1.0)
    trial.row("runs", number=1, seconds=0.1234567891)
    trial.versions["etcd"] = "etcd --data-dir=/somewhere/else/etcd --listen=https://127.0.0.1:29265"
    trial.parameters["services"] = 500
    return results.write(
        trial,
        scenario="burst",
        about="A burst.",
        order=1,
        began=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        before=HOST,
        source={"commit": "abc", "operator": "def"},
        directory=tmp_path,
    )


def test_results_are_read_as_they_were_written(result: Result) -> None:
    (again,) = results.latest(result.directory)
    assert again == result
    assert again.rows("runs") == [{"number": "1", "seconds": "0.123457"}]
    assert again.rows("other") == []


def test_results_name_nothing_of_the_machine(result: Result) -> None:
    versions = result.document["versions"]
    assert versions["etcd"] == "etcd --data-dir=etcd --listen=https://127.0.0.1:PORT"
    assert "/somewhere" not in json.dumps(result.document)


def test_a_report_tells_what_is_met_and_what_is_not(result: Result) -> None:
    text = report.text([result], drawn=[("plot.svg", "A plot")])
    assert "1 of 2 are met." in text
    assert "| burst: how fast | ≤ 10 ms | 6 ms (5 to 7) | yes |" in text
    assert "| burst: how slow | ≤ 10 ms | 50 ms | **no** |" in text
    assert "- **burst: how slow**, 50 ms instead of ≤ 10 ms. Not explained yet." in text
    assert "![A plot](performance/plot.svg)" in text
    assert "| how told |  | 1 |  |" in text


def test_a_terminal_gets_the_same_table(result: Result) -> None:
    head, *lines = report.table([result]).splitlines()
    assert head.split() == ["figure", "budget", "measured", "met"]
    assert [line.split()[-1] for line in lines] == ["yes", "NO", "1"]


@pytest.mark.skipif(not results.latest(), reason="nothing was measured yet")
def test_the_document_is_that_of_the_results(tmp_path: Path) -> None:
    target = tmp_path / "performance.md"
    report.write(document=target)
    assert report.DOCUMENT.read_text() == target.read_text(), "python -m e2e.bench report"


def test_every_scenario_has_a_name_and_figures_of_its_own() -> None:
    for name, scenario in every().items():
        assert scenario.about.endswith(".")
        names = [figure.name for figure in scenario.figures]
        assert len(names) == len(set(names)), name


def test_every_reason_is_of_a_budget() -> None:
    import yaml

    scenarios = every()
    for name, reasons in (yaml.safe_load(report.REASONS.read_text()) or {}).items():
        assert set(reasons) <= {figure.name for figure in scenarios[name].figures}
