"""A figure that a scenario measures, and what it is held to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e.bench.sample import interval


@dataclass(frozen=True)
class Figure:
    """`what` is read as a row of a table; a figure without a limit is told and not judged."""

    name: str
    what: str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def budget(self) -> str:
        """The limit as people read it; empty without one."""
        for sign, limit in (("≤", self.at_most), ("≥", self.at_least)):
            if limit is not None:
                shown = "0" if limit == 0 else f"{sign} {limit:g}"
                return f"{shown}{_spaced(self.unit)}"
        return ""

    def met(self, value: float) -> bool | None:
        """Whether `value` keeps the limit; None where there is none."""
        if self.at_most is not None:
            return value <= self.at_most
        if self.at_least is not None:
            return value >= self.at_least
        return None


@dataclass(frozen=True)
class Measured:
    """The median of one figure's measurements, with its interval (see `sample`)."""

    figure: Figure
    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, figure: Figure, values: Sequence[float]) -> "Measured":
        """From all measurements of the figure in a run, at least one."""
        found = interval(values)
        return cls(figure, found.median, found.low, found.high, found.count)

    @property
    def met(self) -> bool | None:
        return self.figure.met(self.value)

    def text(self) -> str:
        """The value with its unit, and the interval where there is one."""
        unit = _spaced(self.figure.unit)
        if self.count == 1:
            return f"{number(self.value)}{unit}"
        return f"{number(self.value)}{unit} ({number(self.low)} to {number(self.high)})"

    def record(self) -> dict[str, Any]:
        """As results keep it."""
        figure = self.figure
        return {
            "name": figure.name,
            "what": figure.what,
            "unit": figure.unit,
            "at_most": figure.at_most,
            "at_least": figure.at_least,
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "count": self.count,
            "met": self.met,
        }

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Measured":
        """What `record` made."""
        figure = Figure(
            name=record["name"],
            what=record["what"],
            unit=record["unit"],
            at_most=record["at_most"],
            at_least=record["at_least"],
        )
        return cls(figure, record["value"], record["low"], record["high"], record["count"])


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.001 else f"{value:.2g}"


def verdict(met: bool | None) -> str:
    """`met` as a cell of a table."""
    return "" if met is None else "yes" if met else "**no**"


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
