"""Durations as Kubernetes users write them: `500us`, `30m`, `1h30m`.

A subset of Go's syntax (whole numbers, no sign, no ns), the one that Gateway API settled on, with
`us` added because Triton counts queue delays in microseconds.
"""

from __future__ import annotations

import re
from typing import Final

REGEX: Final = r"([0-9]{1,5}(h|m|s|ms|us)){1,4}"

_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s|us)")
_MICROSECONDS: Final = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


def microseconds(text: str) -> int:
    """ValueError when `text` is not such a duration."""
    if re.fullmatch(REGEX, text) is None:
        raise ValueError(f"{text[:40]!r} is not a duration such as 500us, 30m or 1h30m")
    return sum(int(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(text))


def seconds(text: str) -> float:
    """ValueError when `text` is not such a duration."""
    return microseconds(text) / 1_000_000


def canonical(text: str) -> str:
    """The same length in the largest units that fit, without zero parts: `90m` is `1h30m`."""
    rest = microseconds(text)
    parts = []
    for unit, size in _MICROSECONDS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
