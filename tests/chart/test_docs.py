"""The pages for users agree with the code: reasons, rights, links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from e2e.chart import ROOT
from modelservice_runtime.failure import Reason

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
HEALS = {"by itself": True, "new spec": False, "": None}


def rows(page: str) -> list[list[str]]:
    """The cells of a page's table rows that begin with a word in code style."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (DOCS / page).read_text().splitlines()
        if line.startswith("| `")
    ]


def test_every_reason_of_the_pods_is_explained() -> None:
    documented = {cells[0].strip("`"): HEALS.get(cells[1]) for cells in rows("operations.md")}
    assert {reason.value: documented.get(reason.value) for reason in Reason} == {
        reason.value: reason.heals for reason in Reason
    }


def test_every_reason_of_the_operator_is_named() -> None:
    page = (DOCS / "operations.md").read_text()
    assert {reason for reason in operator_reasons() if f"`{reason}`" not in page} == set()


def operator_reasons() -> set[str]:
    """The constants that the operator's code gives to its verdicts, troubles and conditions."""
    position = {"Trouble": 0, "Condition": 2, "Missing": 1}
    found: set[str] = set()
    for path in (ROOT / "operator" / "modelservice_operator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = position.get(node.func.id)
                told = [] if place is None else node.args[place : place + 1]
                if place is not None or node.func.id == "JobVerdict":
                    told += [word.value for word in node.keywords if word.arg == "reason"]
                found |= {str(word.value) for word in told if isinstance(word, ast.Constant)}
    assert {"Unschedulable", "NotGranted"} <= found
    return found


def test_documented_metrics_exist() -> None:
    package = ROOT / "operator" / "modelservice_operator"
    code = (package / "metrics.py").read_text() + (package / "app.py").read_text()
    named = re.findall(r"`modelservice_(\w+?)(?:_total)?`", (DOCS / "operations.md").read_text())
    assert len(named) == 10
    assert [name for name in named if not re.search(rf'"(modelservice_)?{name}"', code)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
