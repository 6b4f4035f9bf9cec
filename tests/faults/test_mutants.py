"""Each mutant can be seeded into the operator as it is, and is Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from e2e.faults.mutants.mutant import PACKAGE, Edit, Mutant, Unseeded, seed
from e2e.faults.mutants.probes import PROBES
from e2e.faults.mutants.seeded import MUTANTS
from e2e.faults.workloads import WORKLOADS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_the_operator_with_one_mistake(mutant: Mutant, tmp_path: Path) -> None:
    source = seed(mutant, target=tmp_path)
    for edit in mutant.edits:
        text = (source / "operator" / PACKAGE / edit.file).read_text()
        ast.parse(text)
        assert edit.new in text


def test_there_are_enough_and_each_has_its_plans() -> None:
    assert len(MUTANTS) >= 14
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    used = {probe for mutant in MUTANTS for probe in mutant.probes}
    assert used == set(PROBES)
    assert {plan.workload for plan in PROBES.values()} <= set(WORKLOADS)


def test_a_text_that_is_not_there_any_more_is_an_error(tmp_path: Path) -> None:
    mutant = Mutant("stale", "", (Edit("app.py", "no such text", ""),), ())
    with pytest.raises(Unseeded, match=r"0 times in app\.py"):
        seed(mutant, target=tmp_path)
