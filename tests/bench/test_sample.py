"""Medians, their intervals, percentiles and lines, against values worked out by hand."""

import pytest

from e2e.bench import sample


@pytest.mark.parametrize(
    ("values", "expected"), [([3], 3), ([1, 3], 2), ([5, 1, 3], 3), ([4, 1, 3, 2], 2.5)]
)
def test_a_median_is_the_middle(values: list[float], expected: float) -> None:
    assert sample.median(values) == expected


@pytest.mark.parametrize(
    ("count", "low", "high", "coverage"),
    [
        (1, 1, 1, 0.0),
        (3, 1, 3, 0.75),
        (5, 1, 5, 0.9375),
        (8, 2, 7, 0.9297),
        (20, 6, 15, 0.9586),
    ],
)
def test_an_interval_is_the_narrowest_that_covers_enough(
    count: int, low: float, high: float, coverage: float
) -> None:
    found = sample.interval(list(range(count, 0, -1)))
    assert (found.low, found.high, found.count) == (low, high, count)
    assert found.coverage == pytest.approx(coverage, abs=1e-4)


@pytest.mark.parametrize(
    ("q", "expected"), [(0, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)]
)
def test_a_percentile_is_one_of_the_values(q: float, expected: float) -> None:
    assert sample.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], q) == expected


def test_a_slope_is_that_of_the_line() -> None:
    assert sample.slope([(0, 5), (10, 25), (20, 45)]) == pytest.approx(2.0)


@pytest.mark.parametrize("points", [[], [(1, 1)], [(1, 1), (1, 2)]])
def test_no_line_has_no_slope(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"line|one x"):
        sample.slope(points)


def test_nothing_has_no_median_and_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        sample.median([])
    with pytest.raises(ValueError, match="no values"):
        sample.percentile([], 50)
