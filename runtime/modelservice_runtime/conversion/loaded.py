"""A model that TensorFlow has loaded, as the rest of the conversion sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelservice_runtime.artifacts.onnx_model import LIMIT_BYTES
from modelservice_runtime.failure import Failure, Reason

Arrays = Mapping[str, np.ndarray]

# Triton serves these; complex numbers, strings and resources have no tensor of ONNX either.
_KINDS = "fiub"
# What a graph needs beside its weights is little, but never nothing.
_LIMIT_WEIGHTS = LIMIT_BYTES - 16 * 2**20


@dataclass(frozen=True)
class Input:
    """One input. An axis of `shape` that may have any length is None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Loaded:
    """function: what is converted, a `tf.function` of all inputs in their order.

    run: the same on arrays, from names to names. weights: bytes. owner: what the variables live in.
    """

    function: Any
    inputs: tuple[Input, ...]
    run: Callable[[Arrays], dict[str, np.ndarray]]
    weights: int
    owner: Any

    def require_convertible(self) -> None:
        """Raise `Failure` for what an ONNX file cannot hold or Triton cannot serve."""
        if self.weights > _LIMIT_WEIGHTS:
            raise cannot(
                f"its weights take {self.weights / 2**30:.1f} GiB, and an ONNX file holds 2 GiB at "
                "most. Make the model smaller (float16, quantization)"
            )
        for one in self.inputs:
            if one.dtype.kind not in _KINDS:
                raise cannot(
                    f"its input {one.name} is of type {one.dtype}, and only numbers and booleans "
                    "can be. Do what needs text before the model"
                )


def cannot(problem: str) -> Failure:
    """`ConversionFailed` because of `problem`, the rest of a sentence."""
    return Failure(
        reason=Reason.CONVERSION_FAILED,
        message=f"The model cannot be converted to ONNX: {problem}.",
    )


def unique(names: list[str]) -> tuple[str, ...]:
    """The names with a number behind those that were there before: a, a → a, a_1."""
    found: list[str] = []
    for name in names:
        number, one = 0, name
        while one in found:
            number += 1
            one = f"{name}_{number}"
        found.append(one)
    return tuple(found)
