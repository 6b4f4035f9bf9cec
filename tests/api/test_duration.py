"""Durations as users write them."""

import pytest

from modelservice_operator.api import duration


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("500us", 0.0005, "500us"),
        ("1500us", 0.0015, "1ms500us"),
        ("20ms", 0.02, "20ms"),
        ("30m", 1800.0, "30m"),
        ("90m", 5400.0, "1h30m"),
        ("1h30m", 5400.0, "1h30m"),
        ("30m1h", 5400.0, "1h30m"),
        ("3600s", 3600.0, "1h"),
        ("0h", 0.0, "0s"),
        ("007m", 420.0, "7m"),
    ],
)
def test_a_duration(text: str, seconds: float, canonical: str) -> None:
    assert duration.seconds(text) == seconds
    assert duration.microseconds(text) == round(seconds * 1_000_000)
    assert duration.canonical(text) == canonical


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "1.5h", "1ns", "1d", "1 s", "1s\n", "1s2s3s4s5s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration.seconds(text)
