"""Kubernetes quantities: `500m`, `1.5Gi`, `2e3`.

The API server keeps the quantities of a resource list in one canonical form (`0.5` becomes `500m`,
`1024Mi` becomes `1Gi`). A plan has to write them in that form too, or each comparison with the live
object would see a difference. The rules are those of k8s.io/apimachinery/pkg/api/resource.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

# Bounded digits keep every value exact, with room for 2⁶³ in thousandths; the API server itself
# allows more.
REGEX: Final = (
    r"[0-9]{1,22}(\.[0-9]{1,9})?"
    r"([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?"
)

_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)(.*)")
_DECIMAL_SUFFIXES: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY_SUFFIXES: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL_BY_EXPONENT: Final = {exponent: text for text, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_BY_POWER: Final = {power: text for text, power in _BINARY_SUFFIXES.items()}

_EXACT: Final = Context(prec=150)
_MILLI: Final = Decimal("0.001")
# The API server caps larger values.
_MAX: Final = Decimal(2**63 - 1)


def parse(text: str) -> Decimal:
    """The value in units (cores, bytes), at most 2⁶³-1. ValueError when it is no quantity ≥ 0."""
    if re.fullmatch(REGEX, text) is None:
        raise ValueError(f"{text[:40]!r} is not a Kubernetes quantity such as 500m, 2 or 1.5Gi")
    number, suffix = _split(text)
    if suffix in _BINARY_SUFFIXES:
        value = _EXACT.multiply(number, Decimal(1024 ** _BINARY_SUFFIXES[suffix]))
    elif suffix in _DECIMAL_SUFFIXES:
        value = _EXACT.scaleb(number, _DECIMAL_SUFFIXES[suffix])
    else:
        value = _EXACT.scaleb(number, int(suffix[1:]))
    return min(value, _MAX)


def canonical(text: str) -> str:
    """As the API server writes it in a resource list: rounded up to a thousandth of a unit, the
    largest suffix that leaves a whole number, of the family (binary, decimal, exponent) of `text`.
    """
    return _write(_to_milli(parse(text)), family=_split(text)[1])


def total(*texts: str) -> str:
    """The canonical sum; the first quantity decides the suffix's family."""
    value = min(sum((_to_milli(parse(text)) for text in texts), Decimal(0)), _MAX)
    return _write(value, family=_split(texts[0])[1])


def _split(text: str) -> tuple[Decimal, str]:
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text[:40]!r} is not a Kubernetes quantity")
    return Decimal(parts[1]), parts[2]


def _to_milli(value: Decimal) -> Decimal:
    return value.quantize(_MILLI, rounding=ROUND_CEILING, context=_EXACT)


def _write(value: Decimal, *, family: str) -> str:
    if not value:
        return "0"
    # Small or broken binary values turn decimal: a `0.5Ki` is 512, a `1.1Mi` is 1153433600m.
    if family in _BINARY_SUFFIXES and value >= 1024 and value == value.to_integral_value():
        return _write_binary(int(value))
    exponential = family not in _BINARY_SUFFIXES and family not in _DECIMAL_SUFFIXES
    return _write_decimal(int(_EXACT.scaleb(value, 3)), exponential=exponential)


def _write_binary(number: int) -> str:
    power = 0
    while power < 6 and number % 1024 == 0:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY_BY_POWER.get(power, '')}"


def _write_decimal(milli: int, *, exponential: bool) -> str:
    number, exponent = milli, -3
    while exponent < 18 and number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    if exponential:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_BY_EXPONENT[exponent]}"
