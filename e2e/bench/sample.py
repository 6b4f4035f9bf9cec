"""What a handful of measurements says: medians with intervals, percentiles. Pure.

Nothing is assumed about how the measurements are distributed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Interval:
    """A median, and between which measurements the true one lies with probability `coverage`."""

    median: float
    low: float
    high: float
    count: int
    coverage: float


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def interval(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """The median between the two order statistics that cover it with `confidence` at least.

    The number of measurements below the true median is binomial with p = 1/2, so the k-th lowest
    and k-th highest of n enclose it with probability 1 - 2 P(B < k). Few measurements cannot give
    every confidence: then it is the lowest and the highest, and `coverage` says what that is worth
    (five of them: 94 %; three: 75 %; one: nothing).
    """
    ordered, count = sorted(values), len(values)
    k = 1
    while 2 * (k + 1) <= count and _coverage(count, k + 1) >= confidence:
        k += 1
    return Interval(median(ordered), ordered[k - 1], ordered[count - k], count, _coverage(count, k))


def percentile(values: Sequence[float], q: float) -> float:
    """The smallest value that at least `q` percent of the values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q / 100 * len(ordered)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the least-squares line through points (x, y)."""
    if len(points) < 2:
        raise ValueError("a line needs two points")
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    if spread == 0:
        raise ValueError("the points have one x")
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread


def _coverage(count: int, k: int) -> float:
    below: int = sum(math.comb(count, i) for i in range(k))
    return max(0.0, 1 - 2 * below / float(2**count))
