"""One number, one text: runs are known by a hash of their parameters."""

import pytest

from modelservice_operator.api import decimals


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.001", "0.001"),
        ("0.0010", "0.001"),
        ("1e-3", "0.001"),
        ("1E-03", "0.001"),
        ("00.001", "0.001"),
        ("10", "10"),
        ("10.0", "10"),
        ("1e2", "100"),
        ("0", "0"),
        ("0.000", "0"),
        ("0e5", "0"),
        ("123456789012.123456789012", "123456789012.123456789012"),
    ],
)
def test_canonical_forms(text: str, canonical: str) -> None:
    assert decimals.canonical(text) == canonical
    assert decimals.canonical(canonical) == canonical
