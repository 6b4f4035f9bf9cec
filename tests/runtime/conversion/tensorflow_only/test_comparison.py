"""A conversion that went wrong is never published, whatever tf2onnx thinks of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers
from onnx import numpy_helper

from modelservice_runtime.conversion import convert as program
from modelservice_runtime.conversion import keras_model
from modelservice_runtime.conversion.comparison import compare
from modelservice_runtime.conversion.export import export
from modelservice_runtime.conversion.loaded import Loaded
from modelservice_runtime.conversion.workspace import Workspace
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.tensorflow_only import models

Keep = Callable[[Any, str], Workspace]


@pytest.fixture
def loaded(keep: Keep) -> Loaded:
    workspace = keep(models.dense(), "keras")
    return keras_model.load(workspace.source, prepared=workspace.fresh(workspace.prepared))


def altered(target: Path, change: Callable[[Any], None]) -> None:
    model = onnx.load(target)
    change(model.graph)
    onnx.save(model, target)


def nudged(by: float) -> Callable[[Any], None]:
    """One weight of many is another."""

    def change(graph: Any) -> None:
        largest = max(graph.initializer, key=lambda one: np.prod(one.dims))
        array = numpy_helper.to_array(largest).copy()
        array.flat[0] += by
        largest.CopyFrom(numpy_helper.from_array(array, largest.name))

    return change


def renamed(graph: Any) -> None:
    graph.node[-1].output[0] = graph.output[0].name = "z"


def widened(graph: Any) -> None:
    """The answer is of another type."""
    for one in graph.node:
        one.output[:] = ["narrow" if name == "y" else name for name in one.output]
    double = onnx.TensorProto.DOUBLE
    graph.node.append(onnx.helper.make_node("Cast", ["narrow"], ["y"], to=double))
    graph.output[0].type.tensor_type.elem_type = double


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (nudged(0.01), r"in its output y, the largest difference is \d"),
        (nudged(float("nan")), "in its output y, it is finite in other places"),
        (renamed, "in its output y, it is missing"),
        (widened, "its type is float64 and not float32"),
    ],
    ids=["a weight", "no number", "a name", "a type"],
)
def test_what_differs_is_told_by_its_output(
    change: Callable[[Any], None], told: str, loaded: Loaded, tmp_path: Path
) -> None:
    target = tmp_path / "model.onnx"
    export(loaded, target=target)
    compare(loaded, target)
    altered(target, change)
    with pytest.raises(Failure, match=told) as caught:
        compare(loaded, target)
    assert caught.value.reason is Reason.CONVERSION_DIFFERS


def test_a_batch_that_became_fixed_is_told(loaded: Loaded, tmp_path: Path) -> None:
    def fixed(graph: Any) -> None:
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    target = tmp_path / "model.onnx"
    export(loaded, target=target)
    altered(target, fixed)
    with pytest.raises(Failure, match="onnxruntime cannot run it") as caught:
        compare(loaded, target)
    assert caught.value.reason is Reason.CONVERSION_DIFFERS


def test_a_batch_that_the_model_itself_does_not_take_is_told(keep: Keep) -> None:
    given = keras.Input((4,), name="x")
    model = keras.Model(given, keras.ops.reshape(given, (1, 2, 2)))
    with pytest.raises(Failure, match="on a batch of 2") as caught:
        program.convert(keep(model, "keras"))
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_what_the_engine_does_not_load_is_told(loaded: Loaded, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"no model")
    with pytest.raises(Failure, match="onnxruntime does not load") as caught:
        compare(loaded, target)
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_a_wrong_conversion_leaves_no_report(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(loaded: Loaded, *, target: Path) -> None:
        export(loaded, target=target)
        altered(target, nudged(0.01))

    workspace = keep(models.dense(), "keras")
    monkeypatch.setattr(program, "export", wrong)
    with pytest.raises(Failure, match="does not compute what the original does"):
        program.convert(workspace)
    assert not (workspace.onnx.parent / "report.json").exists()


def test_the_numbers_are_those_of_the_model_and_not_of_its_graph(keep: Keep) -> None:
    """As a graph, Keras 3.15's TimeDistributed over steps of any number answers otherwise than by
    itself: what is converted is the graph, and so it is refused."""
    given = keras.Input((None, 3), name="steps")
    each = layers.TimeDistributed(layers.Dense(2, activation="tanh"))(given)
    model = keras.Model(given, layers.GlobalAveragePooling1D(name="y")(each))
    with pytest.raises(Failure, match="in its output y, the largest") as caught:
        program.convert(keep(model, "keras"))
    assert caught.value.reason is Reason.CONVERSION_DIFFERS


@pytest.mark.parametrize("size", [32, 64, 224])
def test_axes_of_any_length_are_tried_with_lengths_that_fit(size: int, keep: Keep) -> None:
    given = keras.Input((None, None, 1), name="image")
    x = layers.Conv2D(1, size)(given)
    model = keras.Model(given, layers.GlobalMaxPooling2D(name="y")(x))
    program.convert(keep(model, "keras"))
