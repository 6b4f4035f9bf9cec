"""Two answers are the same, or it is told where they are not."""

import re
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.conversion.loaded import Input, unique
from modelservice_runtime.conversion.samples import arrays, differences, largest, tells


def made(dtype: str, *shape: int | None) -> np.ndarray:
    one = Input(name="x", dtype=np.dtype(dtype), shape=shape)
    generator = np.random.default_rng(0)
    return arrays((one,), batch=3, length=8, generator=generator)["x"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None, 4), (3, 4)),
        ((None, None, 4), (3, 8, 4)),
        ((2, None), (2, 8)),
        ((2, 5), (2, 5)),
        ((), ()),
    ],
)
def test_axes_of_any_length_get_one(shape: Any, expected: tuple[int, ...]) -> None:
    assert made("float32", *shape).shape == expected


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"]
)
def test_values_are_of_the_inputs_type(dtype: str) -> None:
    array = made(dtype, None, 100)
    assert array.dtype == np.dtype(dtype)
    if dtype.startswith("float"):
        assert (array < 0).any()
        assert 0.9 < array.astype("float64").std() < 1.1
    else:
        assert set(np.unique(array).tolist()) == {0, 1}


def told(found: Any, expected: Any) -> list[str]:
    return [
        f"{one.output}: {one.told}"
        for one in differences({"y": np.asarray(found)}, {"y": np.asarray(expected)})
    ]


SAME = {
    "equal": ([1.0, 2.0], [1.0, 2.0]),
    "within 1e-5": ([1.0, 0.0], [1.000019, 0.0000099]),
    "large and within 1e-5 of it": ([1e6], [1e6 + 9]),
    "no number at the same place": ([np.nan, 1.0], [np.nan, 1.0]),
    "infinite at the same place": ([np.inf, -np.inf], [np.inf, -np.inf]),
    "whole numbers": ([1, 2], [1, 2]),
}
OTHER = {
    "beyond 1e-5": ([0.0], [0.000011], "the largest difference is 1.1e-05"),
    "large and beyond 1e-5 of it": ([1e6], [1e6 + 21], r"the largest difference is 2.1e\+01"),
    "no number at another place": ([np.nan, 1.0], [1.0, np.nan], "finite in other places"),
    "no number and a number": ([np.nan], [1.0], "finite in other places"),
    "another infinity": ([np.inf], [-np.inf], "the largest difference is"),
    "another shape": ([[1.0]], [1.0], r"its shape is \[1, 1\] and not \[1\]"),
    "another type": ([1], [1.0], "its type is int64 and not float64"),
    "another whole number": ([1, 2], [1, 3], "its values differ"),
    "another truth": ([True], [False], "its values differ"),
}


@pytest.mark.parametrize(("found", "expected"), SAME.values(), ids=SAME.keys())
def test_what_is_the_same_is_not_told(found: Any, expected: Any) -> None:
    assert told(found, expected) == []


@pytest.mark.parametrize(("found", "expected", "what"), OTHER.values(), ids=OTHER.keys())
def test_what_differs_is_told(found: Any, expected: Any, what: str) -> None:
    (one,) = told(found, expected)
    assert re.search(what, one)


def test_outputs_are_the_same_ones() -> None:
    one, both = {"y": np.zeros(1)}, {"y": np.zeros(1), "z": np.zeros(1)}
    assert [(a.output, a.told) for a in differences(one, both)] == [("z", "it is missing")]
    (more,) = differences(both, one)
    assert (more.output, more.told) == ("z", "it is none of the model's")


def test_the_largest_difference_is_that_of_finite_floats() -> None:
    found = {"a": np.array([1.0, np.nan]), "b": np.array([1, 9]), "c": np.array([[2.0]])}
    expected = {"a": np.array([1.5, np.nan]), "b": np.array([1, 2]), "c": np.array([[1.0]])}
    assert largest(found, expected) == 1.0
    assert largest({}, {}) == 0.0


@pytest.mark.parametrize(
    ("values", "expected"), [([1.0], True), ([], False), ([np.nan, 1.0], False), ([1], True)]
)
def test_infinities_and_nothing_tell_nothing(values: list[float], expected: bool) -> None:
    assert tells(np.array(values)) is expected


def test_names_that_come_twice_get_a_number() -> None:
    assert unique(["a", "b", "a", "a_1", "a"]) == ("a", "b", "a_1", "a_1_1", "a_2")
