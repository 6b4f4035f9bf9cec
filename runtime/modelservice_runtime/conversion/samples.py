"""Random inputs of a model, and whether two answers to them are the same."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.conversion.loaded import Arrays, Input

TOLERANCE = 1e-5
"""Absolute and relative: |a - b| <= TOLERANCE + TOLERANCE * |b|, as a user's test would ask."""


@dataclass(frozen=True)
class Difference:
    """Where two answers differ: the output, and by how much or in what, for a sentence."""

    output: str
    told: str


def arrays(
    inputs: tuple[Input, ...], *, batch: int, length: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """One random array an input: floats normal, whole numbers and booleans 0 or 1.

    batch: of a first axis of any length. length: of every other such axis.
    """
    return {
        one.name: _array(one, shape=_shape(one, batch=batch, length=length), generator=generator)
        for one in inputs
    }


def has_lengths(inputs: tuple[Input, ...]) -> bool:
    """Whether an axis beside the first may have any length."""
    return any(None in one.shape[1:] for one in inputs)


def _shape(one: Input, *, batch: int, length: int) -> tuple[int, ...]:
    return tuple(
        axis if axis is not None else batch if index == 0 else length
        for index, axis in enumerate(one.shape)
    )


def _array(one: Input, *, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    # Whole numbers are indices as often as values; 0 and 1 are both of any vocabulary.
    if one.dtype.kind in "iub":
        return generator.integers(0, 2, shape).astype(one.dtype)
    return generator.standard_normal(shape).astype(one.dtype)


def differences(found: Arrays, expected: Arrays) -> Iterator[Difference]:
    """Each output that one of them lacks, or has otherwise."""
    for name, wanted in expected.items():
        told = "it is missing" if name not in found else _differs(found[name], wanted)
        if told is not None:
            yield Difference(output=name, told=told)
    for name in sorted(found.keys() - expected.keys()):
        yield Difference(output=name, told="it is none of the model's")


def tells(array: np.ndarray) -> bool:
    """Whether there is anything to compare: values, and all of them finite."""
    return array.size > 0 and bool(np.isfinite(array).all())


def largest(found: Arrays, expected: Arrays) -> float:
    """The largest absolute difference between finite values of the same outputs."""
    return max((_largest(found[name], wanted) for name, wanted in expected.items()), default=0.0)


def _differs(found: np.ndarray, wanted: np.ndarray) -> str | None:
    if found.shape != wanted.shape:
        return f"its shape is {list(found.shape)} and not {list(wanted.shape)}"
    if found.dtype != wanted.dtype:
        return f"its type is {found.dtype} and not {wanted.dtype}"
    if wanted.dtype.kind != "f":
        return None if np.array_equal(found, wanted) else "its values differ"
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        return None
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return "it is finite in other places"
    return f"the largest difference is {_largest(found, wanted):.1e}"


def _largest(found: np.ndarray, wanted: np.ndarray) -> float:
    if wanted.dtype.kind != "f":
        return 0.0
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.abs(a[both] - b[both]).max(initial=0.0))
