"""A dataset trains, or one sentence says which array is wrong and what it should hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.dataset import Dataset, load
from modelservice_runtime.training.recipes import RECIPES, Loss

WriteNpz = Callable[..., Path]

IMAGES = np.zeros((10, 1, 28, 28), np.float32)
LABELS = np.arange(10)
X, Y = np.zeros((10, 10), np.float32), np.zeros(10, np.float32)


def read(path: Path, *, recipe: str, loss: Loss | None = None, seed: int = 0) -> Dataset:
    chosen = RECIPES[recipe]
    return load(
        path,
        uri="s3://data/d.npz",
        recipe=chosen,
        loss=loss or chosen.losses[0],
        seed=seed,
        limit=2**20,
    )


def with_value(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed.flat[3] = value
    return changed


def test_a_test_part_is_used_as_it_is(write_npz: WriteNpz) -> None:
    data = read(write_npz(x=IMAGES, y=LABELS, x_test=IMAGES[:4], y_test=LABELS[:4]), recipe="cnn")
    assert (len(data.train), len(data.test), data.split_here) == (10, 4, False)
    assert (data.train.x.dtype, data.train.y.dtype) == (np.float32, np.int64)


def test_without_one_a_fifth_is_kept_away_by_the_seed(
    write_npz: WriteNpz, line: dict[str, np.ndarray]
) -> None:
    path = write_npz(**line)
    data, again, other = (read(path, recipe="linear", seed=seed) for seed in (1, 1, 2))
    assert (len(data.train), len(data.test), data.split_here) == (51, 13, True)
    assert np.array_equal(data.test.x, again.test.x)
    assert not np.array_equal(data.test.x, other.test.x)
    together = np.concatenate([data.train.x, data.test.x])
    assert np.array_equal(np.unique(together, axis=0), np.unique(line["x"], axis=0))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, np.bool_, ">f4"])
def test_numbers_of_any_kind_become_float32(write_npz: WriteNpz, dtype: Any) -> None:
    data = read(write_npz(x=X.astype(dtype), y=Y.astype(dtype)), recipe="linear")
    assert data.train.x.dtype == data.train.y.dtype == np.float32
    assert data.train.y.shape == (8, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_become_int64(write_npz: WriteNpz, dtype: Any) -> None:
    assert read(write_npz(x=IMAGES, y=LABELS.astype(dtype)), recipe="cnn").train.y.dtype == np.int64


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": IMAGES[:, 0], "y": LABELS}, "x has the shape [10, 28, 28], not [N, 1, 28, 28]"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "x has no samples"),
        ({"x": IMAGES, "y": LABELS[:9]}, "x has 10 samples and y has 9 samples"),
        ({"x": IMAGES, "y": np.int64(3)}, "x has 10 samples and y has no axis"),
        ({"x": IMAGES, "y": LABELS + 1}, "y has the label 10 at index 9; labels are 0 to 9"),
        ({"x": IMAGES, "y": LABELS - 1}, "y has the label -1 at index 0"),
        ({"x": IMAGES, "y": LABELS / 1}, "y holds float64 values where int64 labels are needed"),
        ({"x": IMAGES, "y": np.eye(10, dtype=int)}, "y has the shape [10, 10], not [N]"),
        ({"x": with_value(IMAGES, np.nan), "y": LABELS}, "x has nan at index [0, 0, 0, 3]"),
        ({"x": IMAGES + 255, "y": LABELS}, "x has values from 255 to 255; scale them to 0…1"),
        (
            {"x": IMAGES, "y": LABELS, "x_test": IMAGES},
            "it has x_test alone; x_test and y_test come together",
        ),
        (
            {"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS + 9},
            "y_test has the label 10 at index 1",
        ),
        ({"x": IMAGES[:1], "y": LABELS[:1]}, "it has one sample; at least two are needed"),
        ({"images": IMAGES, "labels": LABELS}, "it has no array x (it has 'images', 'labels')"),
    ],
)
def test_what_is_wrong_with_images_is_said(
    write_npz: WriteNpz, arrays: dict[str, np.ndarray], sentence: str
) -> None:
    with pytest.raises(Failure) as caught:
        read(write_npz(**arrays), recipe="cnn")
    assert caught.value.reason is Reason.DATASET_INVALID
    assert caught.value.message.startswith(
        "The dataset s3://data/d.npz cannot train the recipe cnn"
    )
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("arrays", "loss", "sentence"),
    [
        ({"x": X[:, :9], "y": Y}, Loss.MSE, "x has the shape [10, 9], not [N, 10]"),
        ({"x": X, "y": np.zeros((10, 2))}, Loss.MSE, "y has the shape [10, 2], not [N, 1]"),
        ({"x": X, "y": with_value(Y, np.inf)}, Loss.MSE, "y has inf at index [3, 0]"),
        ({"x": X.astype(float) + 1e300, "y": Y}, Loss.MSE, "x has inf at index [0, 0]"),
        (
            {"x": X, "y": with_value(Y, 0.5)},
            Loss.BINARY_CROSS_ENTROPY,
            "y has values other than 0 and 1",
        ),
    ],
)
def test_what_is_wrong_with_numbers_is_said(
    write_npz: WriteNpz, arrays: dict[str, np.ndarray], loss: Loss, sentence: str
) -> None:
    with pytest.raises(Failure) as caught:
        read(write_npz(**arrays), recipe="linear", loss=loss)
    assert sentence in caught.value.message


@pytest.mark.parametrize("steps", [1, 12])
def test_sequences_have_any_length(write_npz: WriteNpz, steps: int) -> None:
    data = read(write_npz(x=np.zeros((10, steps, 10)), y=Y), recipe="rnn")
    assert data.train.x.shape[1:] == (steps, 10)


@pytest.mark.parametrize("shape", [(10, 0, 10), (10, 12, 9), (10, 10), (10, 2, 3, 10)])
def test_what_is_no_sequence_of_the_recipes_is_said(
    write_npz: WriteNpz, shape: tuple[int, ...]
) -> None:
    with pytest.raises(Failure) as caught:
        read(write_npz(x=np.zeros(shape), y=Y), recipe="rnn")
    assert f"x has the shape {list(shape)}, not [N, steps, 10]" in caught.value.message
