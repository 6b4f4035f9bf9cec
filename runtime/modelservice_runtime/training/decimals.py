"""Numbers as the API writes them: decimal strings, never exponents, short enough to read."""

import numpy as np


def decimal(value: float) -> str:
    """`value` with six significant digits: 0.0190000001 → "0.019", 1e-7 → "0.0000001"."""
    return np.format_float_positional(
        float(value), precision=6, unique=True, fractional=False, trim="-"
    )
