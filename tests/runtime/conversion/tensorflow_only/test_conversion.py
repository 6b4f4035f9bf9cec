"""What people save is converted, under its own names, and computes what it did."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.conversion.convert import convert
from modelservice_runtime.conversion.workspace import Workspace
from tests.runtime.conversion.tensorflow_only import models

Keep = Callable[[Any, str], Workspace]

KINDS = ("keras", "h5", "saved")


def tensors(workspace: Workspace) -> tuple[list[str], list[str]]:
    """The inputs and outputs of the ONNX file, as agent and operator read them."""
    signature = onnx_model.read(workspace.onnx)
    return sorted(map(str, signature.inputs)), sorted(map(str, signature.outputs))


def numbers(model: Any, *, length: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    shapes = [(4, *(length if axis is None else axis for axis in one.shape[1:]))
              for one in model.inputs]  # fmt: skip
    return [
        generator.integers(0, 1000, shape).astype("int32")
        if one.dtype.startswith("int")
        else generator.standard_normal(shape).astype("float32")
        for one, shape in zip(model.inputs, shapes, strict=True)
    ]


# Keras itself cannot load operations from .h5.
SAVED = sorted({(name, kind) for name in models.ALL for kind in KINDS} - {("operations", "h5")})


@pytest.mark.parametrize(("name", "kind"), SAVED)
def test_it_computes_what_the_model_does(name: str, kind: str, keep: Keep) -> None:
    """On other inputs than the conversion compares, and on the model that was never saved."""
    model = models.ALL[name]()
    workspace = keep(model, kind)
    report = convert(workspace)
    assert 0 <= float(report["difference"]) <= 1e-5
    session = onnxruntime.InferenceSession(str(workspace.onnx))
    given = numbers(model, length=11)
    named = {one.name: array for one, array in zip(model.inputs, given, strict=True)}
    outputs = [one.name for one in session.get_outputs()]
    found = dict(zip(outputs, session.run(outputs, named), strict=True))
    keyed = isinstance(getattr(model, "input", None), dict)
    expected = model(named if keyed else given if len(given) > 1 else given[0], training=False)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        wanted = [(found[name], expected[name]) for name in expected]
    else:
        listed = expected if isinstance(expected, list) else [expected]
        wanted = list(zip((found[name] for name in outputs), listed, strict=True))
    for one, other in wanted:
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-5)


NAMES = {
    "dense": (["x FP32 [-1, 10]"], ["y FP32 [-1, 1]"]),
    "convolutions": (["image FP32 [-1, 28, 28, 1]"], ["scores FP32 [-1, 10]"]),
    "recurrent": (["sequence FP32 [-1, -1, 5]"], ["y FP32 [-1, 1]"]),
    "several": (["a FP32 [-1, 4]", "b FP32 [-1, 4]"], ["left FP32 [-1, 3]", "right FP32 [-1, 2]"]),
    "listed": (["x FP32 [-1, 4]"], ["left FP32 [-1, 3]", "right FP32 [-1, 2]"]),
    "keyed": (["alpha FP32 [-1, 3]", "zeta FP32 [-1, 2]"], ["y FP32 [-1, 3]"]),
    "words": (["tokens INT32 [-1, 12]"], ["y FP32 [-1, 3]"]),
}


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_those_of_the_model(name: str, kind: str, keep: Keep) -> None:
    workspace = keep(models.ALL[name](), kind)
    convert(workspace)
    assert tensors(workspace) == NAMES[name]


def test_a_sequential_model_answers_under_its_last_layers_name(keep: Keep) -> None:
    model = models.sequential()
    workspace = keep(model, "keras")
    convert(workspace)
    assert tensors(workspace) == (["x FP32 [-1, 6]"], [f"{model.layers[-1].name} FP32 [-1, 2]"])


def test_the_report_tells_what_made_it(keep: Keep) -> None:
    workspace = keep(models.dense(), "keras")
    report = convert(workspace)
    assert report["samples"] >= 3
    assert set(report["versions"]) == {"tensorflow", "keras", "tf2onnx", "onnxruntime"}
    assert workspace.read_report().values == report
    assert {path.name for path in workspace.onnx.parent.iterdir()} == {"model.onnx", "report.json"}


def test_a_container_that_is_started_again_begins_anew(keep: Keep) -> None:
    workspace = keep(models.dense(), "keras")
    (workspace.prepared / "deep").mkdir(parents=True)
    workspace.onnx.parent.mkdir()
    workspace.onnx.write_bytes(b"half")
    convert(workspace)
    convert(workspace)
    assert tensors(workspace) == NAMES["dense"]
