"""The samples of a run: read from the `.npz`, checked against recipe and loss, split if need be.

`x` and `y` train; `x_test` and `y_test` measure. Without a test part, a fifth of the samples,
chosen by the seed, is kept away from training. Each problem is one sentence that names the array
and what it should hold: it ends up in the ModelService's status.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY
from modelservice_runtime.training import npz
from modelservice_runtime.training.layers import Shape, told
from modelservice_runtime.training.recipes import Loss, Recipe

_TEST_SHARE = 0.2
# Scaling in float32 leaves values a rounding step beyond the bound.
_RANGE_SLACK = 1e-3


class _DatasetError(ValueError):
    """What is wrong with the arrays, as the rest of a sentence."""


@dataclass(frozen=True)
class Part:
    """Samples and their targets, of equal length.

    x: float32 [N, *recipe.sample_shape], with all samples of one length where that is open.
    y: int64 [N] for CrossEntropy, else float32 [N, *recipe.output_shape].
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """What a run trains on, and what it never sees but in the measuring of metrics."""

    train: Part
    test: Part
    split_here: bool


def load(path: Path, *, uri: str, recipe: Recipe, loss: Loss, seed: int, limit: int) -> Dataset:
    """Read and check the dataset. Raises `Failure` with `DatasetInvalid`.

    uri: where it came from, for the message.
    limit: bytes that the arrays may take in memory.
    """
    try:
        arrays = npz.read(path, required=("x", "y"), optional=("x_test", "y_test"), limit=limit)
        return _dataset(arrays, recipe=recipe, loss=loss, seed=seed)
    except (npz.ArchiveError, _DatasetError) as problem:
        raise Failure(
            reason=Reason.DATASET_INVALID,
            message=f"The dataset {uri} cannot train the {recipe.noun}: {problem}.",
        ) from None


def _dataset(arrays: dict[str, np.ndarray], *, recipe: Recipe, loss: Loss, seed: int) -> Dataset:
    if ("x_test" in arrays) != ("y_test" in arrays):
        there = "x_test" if "x_test" in arrays else "y_test"
        raise _DatasetError(f"it has {there} alone; x_test and y_test come together or not at all")
    train = _part(arrays, "x", "y", recipe=recipe, loss=loss)
    if "x_test" in arrays:
        test = _part(arrays, "x_test", "y_test", recipe=recipe, loss=loss)
        return Dataset(train=train, test=test, split_here=False)
    return _split(train, seed=seed)


def _split(part: Part, *, seed: int) -> Dataset:
    if len(part) < 2:
        raise _DatasetError("it has one sample; at least two are needed, one is kept for the test")
    order = np.random.default_rng(seed).permutation(len(part))
    held = max(1, round(len(part) * _TEST_SHARE))
    test, train = np.sort(order[:held]), np.sort(order[held:])
    return Dataset(
        train=Part(part.x[train], part.y[train]),
        test=Part(part.x[test], part.y[test]),
        split_here=True,
    )


def _part(
    arrays: dict[str, np.ndarray], x_name: str, y_name: str, *, recipe: Recipe, loss: Loss
) -> Part:
    x = _inputs(arrays[x_name], name=x_name, recipe=recipe)
    y = arrays[y_name]
    if len(x) == 0:
        raise _DatasetError(f"{x_name} has no samples")
    if y.ndim == 0 or len(x) != len(y):
        length = "no axis" if y.ndim == 0 else f"{len(y)} samples"
        raise _DatasetError(f"{x_name} has {len(x)} samples and {y_name} has {length}")
    if loss is Loss.CROSS_ENTROPY:
        return Part(x, _labels(y, name=y_name, classes=recipe.output_shape[0]))
    return Part(x, _values(y, name=y_name, recipe=recipe, binary=loss is Loss.BINARY_CROSS_ENTROPY))


def _inputs(array: np.ndarray, *, name: str, recipe: Recipe) -> np.ndarray:
    shape = recipe.sample_shape
    if not _fits(array.shape[1:], shape) or array.ndim == 0:
        raise _DatasetError(f"{name} has the shape {list(array.shape)}, not {_batch_of(shape)}")
    x = _floats(array, name=name)
    if recipe.input_range is not None and len(x):
        low, high = recipe.input_range
        if x.min() < low - _RANGE_SLACK or x.max() > high + _RANGE_SLACK:
            raise _DatasetError(
                f"{name} has values from {x.min():g} to {x.max():g}; scale them to {low:g}…{high:g}"
            )
    return x


def _labels(array: np.ndarray, *, name: str, classes: int) -> np.ndarray:
    if array.dtype.kind not in "iu":
        raise _DatasetError(f"{name} holds {array.dtype.name} values where int64 labels are needed")
    if array.ndim != 1:
        raise _DatasetError(
            f"{name} has the shape {list(array.shape)}, not [N]; give one label a sample"
        )
    wrong = np.flatnonzero((array < 0) | (array >= classes))
    if len(wrong):
        raise _DatasetError(
            f"{name} has the label {array[wrong[0]]} at index {wrong[0]}; labels are 0 to "
            f"{classes - 1}"
        )
    return array.astype(np.int64)


def _values(array: np.ndarray, *, name: str, recipe: Recipe, binary: bool) -> np.ndarray:
    shape = recipe.output_shape
    if shape == (1,) and array.ndim == 1:
        array = array.reshape(-1, 1)
    if not _fits(array.shape[1:], shape):
        raise _DatasetError(f"{name} has the shape {list(array.shape)}, not {_batch_of(shape)}")
    y = _floats(array, name=name)
    if binary and not np.isin(y, (0, 1)).all():
        raise _DatasetError(
            f"{name} has values other than 0 and 1, which {Loss.BINARY_CROSS_ENTROPY} needs"
        )
    return y


def _floats(array: np.ndarray, *, name: str) -> np.ndarray:
    # What float32 cannot hold becomes infinite here and is reported below.
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(floats)
    if not finite.all():
        index = [int(i) for i in np.argwhere(~finite)[0]]
        raise _DatasetError(
            f"{name} has {floats[tuple(index)]} at index {index}; every value must be finite"
        )
    return floats


def _fits(found: tuple[int, ...], wanted: Shape) -> bool:
    """Whether samples of one shape are of the other, which may leave lengths open."""
    return len(found) == len(wanted) and all(
        want in (ANY, length) and length for length, want in zip(found, wanted, strict=True)
    )


def _batch_of(shape: Shape) -> str:
    return f"[N, {told(shape)[1:]}"
