"""Decimal strings: learning rates, losses and metrics.

They are strings in the API because a float does not come back from JSON as it was written, and
canonical because a run is known by the hash of its parameters: `1e-3` and `0.0010` are one run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

REGEX: Final = r"[0-9]{1,12}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?"


def canonical(text: str) -> str:
    """Plain notation without an exponent or needless zeros."""
    return format(Decimal(text).normalize(), "f")
