"""What a part of the suite found, and the table that all of it ends in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN = 12  # of what is wrong in one figure


@dataclass(frozen=True)
class Figure:
    """One line of the table. `wrong` says what is behind a figure that is not met."""

    name: str
    budget: str
    measured: str
    met: bool
    wrong: tuple[str, ...] = ()


def none_of(name: str, wrong: Iterable[str], *, of: int, least: int = 1) -> Figure:
    """A figure that has to be 0, out of `of` things that were looked at.

    Where fewer than `least` were looked at, nothing was shown: that is not met either.
    """
    found = tuple(wrong)
    return Figure(
        name=name,
        budget=f"0 of ≥ {least}",
        measured=f"{len(found)} of {of}",
        met=not found and of >= least,
        wrong=found,
    )


def at_most(name: str, measured: int, *, budget: int) -> Figure:
    """A figure that may not be more than `budget`."""
    return Figure(name, f"≤ {budget}", str(measured), measured <= budget)


def table(figures: Sequence[Figure]) -> str:
    """The table, and below it what is wrong."""
    rows = [("figure", "budget", "measured", "met")]
    rows += [(one.name, one.budget, one.measured, "yes" if one.met else "NO") for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    for one in figures:
        if not one.met:
            lines += ["", f"{one.name}:", *(f"  {text}" for text in one.wrong[:SHOWN])]
            if len(one.wrong) > SHOWN:
                lines.append(f"  and {len(one.wrong) - SHOWN} more")
    return "\n".join(lines)
