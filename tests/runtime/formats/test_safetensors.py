"""Weights of a recipe's architecture: a header that lies is refused, what is right becomes ONNX."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import recipe_weights, safetensors
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training.recipes import RECIPES
from tests.runtime.formats.models import weights

LINEAR = RECIPES["linear"].architecture.weights


def saved(path: Path, recipe: str = "linear", kind: str = "F32") -> Path:
    path.write_bytes(weights(recipe, kind=kind))
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_become_a_model_with_the_recipes_tensors(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    path = saved(tmp_path / "model.safetensors", name)
    wanted = Signature(inputs=(recipe.input,), outputs=(recipe.output,))
    assert recipe_weights.read(path, Statement(recipe=name)) == wanted
    assert onnx_model.read(tmp_path / "model.onnx") == wanted
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("F64", 0), ("F32", 0), ("F16", 1e-3), ("BF16", 1e-2)]
)
def test_numbers_of_every_type_are_read(kind: str, tolerance: float, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.safetensors", kind=kind)
    recipe_weights.read(path, Statement(recipe="linear"))
    engine = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    x = np.eye(10, dtype=np.float32)
    (found,) = engine.run(None, {"x": x})
    exact = safetensors.weights(saved(tmp_path / "exact"), wanted=LINEAR)
    np.testing.assert_allclose(
        found, x @ exact["weight"].T + exact["bias"], rtol=0, atol=tolerance + 1e-6
    )


def test_without_a_recipe_weights_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(
        Failure, match=r"State the recipe .*source.recipe \(linear, mlp, "
    ) as caught:
        recipe_weights.read(saved(tmp_path / "m"), Statement())
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


def test_weights_of_another_architecture_are_told_apart(tmp_path: Path) -> None:
    told = "0.weight is missing; 0.bias is missing"
    with pytest.raises(Failure, match=told) as caught:
        recipe_weights.read(saved(tmp_path / "m", "linear"), Statement(recipe="cnn"))
    assert caught.value.reason is Reason.MODEL_INVALID
    assert not (tmp_path / "model.onnx").exists()


def tensor(start: int, end: int, *, shape: Any = None, kind: Any = "F32") -> dict[str, Any]:
    shape = [(end - start) // 4] if shape is None else shape
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def file(header: Any, *, data: int = 44, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(data)


RIGHT = {"weight": tensor(0, 40, shape=[1, 10]), "bias": tensor(40, 44)}
BAD = {
    "nothing": (b"", "header of 0|not JSON"),
    "half a length": (b"\x02\x00", "does not have"),
    "a header beyond the file": (file(RIGHT, length=2**40), "does not have"),
    "a huge header": (file(b" " * (2**20 + 1)), "or more than 1048576"),
    "no JSON": (file(b"{hello}"), "not JSON"),
    "deep JSON": (file(b'{"a":' * 100_000), "not JSON"),
    "no text": (file(b"{\xff}"), "not JSON"),
    "a list": (file([RIGHT]), "not an object"),
    "one name twice": (
        file(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":1}'),
        "once",
    ),
    "a tensor that is none": (file({"weight": 1}), "weight is not described"),
    "more in a tensor": (file({"weight": RIGHT["weight"] | {"x": 1}}), "not described"),
    "beyond the file": (file({**RIGHT, "bias": tensor(40, 48)}), "have 48 bytes, and the file 44"),
    "cut off": (file(RIGHT, data=43), "have 44 bytes, and the file 43"),
    "a tail": (file(RIGHT, data=45), "have 44 bytes, and the file 45"),
    "on one place": (file({**RIGHT, "bias": tensor(36, 40)}), "bias does not begin where"),
    "all on one place": (
        file({"weight": RIGHT["weight"], "bias": tensor(0, 4)}),
        "not begin where",
    ),
    "a hole": (file({**RIGHT, "bias": tensor(44, 48)}, data=48), "bias does not begin where"),
    "backwards": (file({"weight": tensor(40, 0, shape=[10])}), "another size than its shape"),
    "below zero": (file({"weight": tensor(-4, 0, shape=[1])}), "shape or place that is none"),
    "a shape below zero": (file({"weight": tensor(0, 4, shape=[-1])}), "shape or place"),
    "a broken shape": (file({"weight": tensor(0, 4, shape=[1.5])}), "shape or place"),
    "a true shape": (file({"weight": tensor(0, 4, shape=[True])}), "shape or place"),
    "three places": (
        file({"weight": tensor(0, 4) | {"data_offsets": [0, 4, 8]}}),
        "shape or place",
    ),
    "a shape beyond counting": (file({"weight": tensor(0, 4, shape=[2**60])}), "shape or place"),
    "a shape that overflows": (
        file({"weight": tensor(0, 0, shape=[2**32, 2**32])}),
        "another size",
    ),
    "too many axes": (file({"weight": tensor(0, 4, shape=[1] * 9)}), "another size"),
    "another size than the shape": (file({"weight": tensor(0, 40, shape=[11])}), "another size"),
    "an unknown type": (file({"weight": tensor(0, 4, kind="F128")}), "has the type F128"),
    "a type that is none": (file({"weight": tensor(0, 4, kind=["F32"])}), "has the type"),
    "whole numbers": (file({"weight": tensor(0, 40, shape=[10], kind="I32")}), "has the type I32"),
    "another shape": (
        file({"weight": tensor(0, 40, shape=[10, 1]), "bias": tensor(40, 44)}),
        r"weight has shape \[10, 1\], not \[1, 10\]",
    ),
    "nothing in it": (file({}, data=0), "weight is missing; bias is missing"),
    "one more": (file({**RIGHT, "more": tensor(44, 48)}, data=48), "more belongs to no layer"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD.keys())
def test_a_header_that_lies_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(Failure, match=told) as caught:
        recipe_weights.read(tmp_path / "m", Statement(recipe="linear"))
    assert caught.value.reason is Reason.MODEL_INVALID
    assert not (tmp_path / "model.onnx").exists()


def test_notes_and_padding_are_read_over(tmp_path: Path) -> None:
    text = json.dumps({"__metadata__": {"format": "pt"}, **RIGHT}).encode() + b"   "
    (tmp_path / "m").write_bytes(file(text))
    assert recipe_weights.read(tmp_path / "m", Statement(recipe="linear")).inputs[0].name == "x"


CONTENT = weights("linear")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(CONTENT) - 1), by=st.binary(min_size=1, max_size=4))
def test_damaged_files_are_read_or_refused_but_never_crash(
    at: int, by: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    path.write_bytes(CONTENT[:at] + by + CONTENT[at + len(by) :])
    try:
        recipe_weights.read(path, Statement(recipe="linear"))
        reason = Reason.MODEL_INVALID
    except Failure as failure:
        reason = failure.reason
    assert reason is Reason.MODEL_INVALID
