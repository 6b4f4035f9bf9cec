"""The canonical forms; tests/integration/test_api_crd.py compares them with the API server's."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api import quantity
from tests.api.quantities import CANONICAL, ODD

SUFFIXES = [*"numkMGTPE", "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-2", "e+6"]
quantities = st.builds(
    lambda number, suffix: f"{number}{suffix}",
    st.decimals(0, 10**9, places=3, allow_nan=False).map(lambda number: format(number, "f")),
    st.sampled_from(SUFFIXES),
)


@pytest.mark.parametrize(("text", "expected"), [*CANONICAL.items(), *ODD.items()])
def test_canonical_forms(text: str, expected: str) -> None:
    assert quantity.canonical(text) == expected


@given(quantities)
def test_a_canonical_form_is_its_own_and_never_less(text: str) -> None:
    canonical = quantity.canonical(text)
    assert quantity.canonical(canonical) == canonical
    if quantity.parse(text) < 2**63 - 1:
        assert 0 <= quantity.parse(canonical) - quantity.parse(text) < Decimal("0.001")


@given(quantities, quantities)
def test_a_total_is_the_sum(one: str, other: str) -> None:
    total = quantity.parse(quantity.total(one, other))
    exact = quantity.parse(quantity.canonical(one)) + quantity.parse(quantity.canonical(other))
    assert total == min(exact, 2**63 - 1)


@pytest.mark.parametrize(
    ("parts", "expected"), [(("1Gi", "64Mi"), "1088Mi"), (("500m", "0.5"), "1"), (("1G",), "1G")]
)
def test_a_total_is_written_like_its_first_part(parts: tuple[str, ...], expected: str) -> None:
    assert quantity.total(*parts) == expected


@pytest.mark.parametrize(
    "text", ["", "-1", "1 Gi", "Gi", "1GB", "1ki", "1.", ".5", "1e", "NaN", "1\n"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        quantity.parse(text)
