"""Figures: how budgets are judged and how numbers are read."""

import pytest

from e2e.bench.figure import Figure, Measured, number


@pytest.mark.parametrize(
    ("figure", "value", "met", "budget"),
    [
        (Figure("f", "f", at_most=2.0), 2.0, True, "≤ 2"),
        (Figure("f", "f", at_most=2.0), 2.1, False, "≤ 2"),
        (Figure("f", "f", at_least=0.9), 0.9, True, "≥ 0.9"),
        (Figure("f", "f", at_least=0.9), 0.89, False, "≥ 0.9"),
        (Figure("f", "f", unit="s", at_most=0.5), 0.1, True, "≤ 0.5 s"),
        (Figure("f", "f", at_most=0.0), 1.0, False, "0"),
        (Figure("f", "f"), 1.0, None, ""),
    ],
)
def test_a_figure_is_judged_by_its_limit(
    figure: Figure, value: float, met: bool | None, budget: str
) -> None:
    assert figure.met(value) is met
    assert figure.budget == budget


def test_the_median_of_all_measurements_counts() -> None:
    measured = Measured.of(Figure("f", "f", unit="ms", at_most=10.0), [9, 30, 8, 7, 6])
    assert measured.met is True
    assert measured.text() == "8 ms (6 to 30)"


def test_a_record_is_read_as_it_was_written() -> None:
    measured = Measured.of(Figure("f", "what it is", unit="ms", at_most=10.0), [1.5, 2.5, 4.25])
    assert Measured.read(measured.record()) == measured


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.012"),
        (0.00042, "0.00042"),
        (0.9, "0.900"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
        (3.0, "3"),
        (-0.5, "-0.500"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
