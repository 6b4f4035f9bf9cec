"""The rendered chart, whole for the default values and as a diff against that for each option.

The files in golden/ are reviewed like code; UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from e2e.chart import CHART, DEVELOPMENT, OPTIONS, REGISTRY, run, template

GOLDEN = Path(__file__).parent / "golden"
# The CRDs are generated elsewhere, and compared in test_crds.py.
WITHOUT_CRDS = "--set=crds.install=false"


def compare(text: str, *, golden: Path) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_default_values_render_the_reviewed_manifests(helm: Path) -> None:
    compare(template(helm, REGISTRY, WITHOUT_CRDS), golden=GOLDEN / "default.yaml")


@pytest.mark.parametrize("option", [*OPTIONS, "development"])
def test_an_option_changes_what_it_says_and_nothing_else(helm: Path, option: str) -> None:
    arguments = [DEVELOPMENT] if option == "development" else [REGISTRY]
    changed = template(helm, WITHOUT_CRDS, *arguments, values=OPTIONS.get(option))
    diff = difflib.unified_diff(
        template(helm, REGISTRY, WITHOUT_CRDS).splitlines(keepends=True),
        changed.splitlines(keepends=True),
        "default",
        option,
        n=1,
    )
    compare("".join(diff), golden=GOLDEN / f"{option}.diff")


@pytest.mark.parametrize("arguments", [[REGISTRY], [DEVELOPMENT]])
def test_lint_finds_nothing(helm: Path, arguments: list[str]) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in run(
        helm, "lint", "--strict", str(CHART), *arguments
    )
