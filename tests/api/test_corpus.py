"""The pydantic types on the corpus; tests/integration/test_api_crd.py asks the API server."""

import pytest

from modelservice_operator.api import (
    InvalidSpec,
    ModelGrant,
    ModelService,
    ModelVersion,
    parse_strictly,
)
from tests.api import corpus

TYPES = {"ModelService": ModelService, "ModelVersion": ModelVersion, "ModelGrant": ModelGrant}


@pytest.mark.parametrize("case", corpus.good(), ids=str)
def test_good_specs_are_taken(case: corpus.Case) -> None:
    parse_strictly(case.manifest, model=TYPES[case.manifest["kind"]])


@pytest.mark.parametrize("case", corpus.bad(), ids=str)
def test_bad_specs_are_refused_with_the_field_and_the_rule(case: corpus.Case) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        parse_strictly(case.manifest, model=TYPES[case.manifest["kind"]])
    assert [problem.field for problem in refusal.value.problems] == [case.field]
    assert case.says in refusal.value.problems[0].message
    if case.unknown:
        assert "not a field" in refusal.value.problems[0].message
