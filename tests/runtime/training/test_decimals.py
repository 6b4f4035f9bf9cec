"""Numbers in messages are decimals that the API would take."""

import pytest

from modelservice_runtime.training.decimals import decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.019, "0.019"),
        (0.01900000002, "0.019"),
        (-0.25, "-0.25"),
        (1e-7, "0.0000001"),
        (1234567.0, "1234570"),
        (1e20, "100000000000000000000"),
    ],
)
def test_six_digits_and_no_exponent(value: float, text: str) -> None:
    assert decimal(value) == text
