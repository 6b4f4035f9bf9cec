"""The signature of an ONNX file is the model's own, and reading it is safe with any bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.artifacts.onnx_model import TRITON_TYPES, read
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature, Tensor
from tests.runtime.examples import linear

VALUE = helper.make_tensor_value_info


def saved(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def identity(*values: onnx.ValueInfoProto, nodes: Any = (), weights: Any = ()) -> onnx.ModelProto:
    """A model whose outputs are `values`, and its one input x."""
    inputs = [VALUE("x", TensorProto.FLOAT, ["N", 3])]
    return helper.make_model(
        helper.make_graph(list(nodes), "g", inputs, list(values), list(weights))
    )


def test_weights_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    assert read(saved(tmp_path / "m", linear())) == Signature(
        inputs=(Tensor("x", "FP32", (-1, 10)),), outputs=(Tensor("y", "FP32", (-1, 1)),)
    )


def test_sparse_weights_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    model = identity(VALUE("y", TensorProto.FLOAT, [1]))
    model.graph.input.append(VALUE("w", TensorProto.FLOAT, [8]))
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [3])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [8]))
    assert [tensor.name for tensor in read(saved(tmp_path / "m", model)).inputs] == ["x"]


@pytest.mark.parametrize(("number", "name"), TRITON_TYPES.items())
def test_data_types_have_tritons_names(number: int, name: str, tmp_path: Path) -> None:
    model = identity(VALUE("y", number, [None, "length", 0, 7]))
    assert read(saved(tmp_path / "m", model)).outputs == (Tensor("y", name, (-1, -1, 0, 7)),)


def test_the_names_of_types_are_onnx_own() -> None:
    names = {TensorProto.DataType.Name(number): name for number, name in TRITON_TYPES.items()}
    assert names["FLOAT"] == "FP32"
    assert names["BFLOAT16"] == "BF16"
    assert names["STRING"] == "BYTES"
    assert names["UINT64"] == "UINT64"


def external(tensor: onnx.TensorProto) -> onnx.TensorProto:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/run/modelservice/restricted-key")
    tensor.ClearField("raw_data")
    return tensor


def hidden() -> onnx.TensorProto:
    return external(numpy_helper.from_array(np.zeros(3, np.float32), "w"))


def in_a_constant() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["y"], value=hidden())
    return identity(VALUE("y", TensorProto.FLOAT, [3]), nodes=[node])


def in_a_branch() -> onnx.ModelProto:
    inner = helper.make_graph([], "then", [], [VALUE("y", TensorProto.FLOAT, [3])], [hidden()])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    return identity(VALUE("y", TensorProto.FLOAT, [3]), nodes=[node])


def in_a_function() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["y"], value=hidden())
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("own", "f", [], ["y"], [node], [opset])
    model = identity(VALUE("y", TensorProto.FLOAT, [3]))
    model.functions.append(function)
    return model


@pytest.mark.parametrize(
    "model",
    [
        identity(VALUE("y", TensorProto.FLOAT, [3]), weights=[hidden()]),
        in_a_constant(),
        in_a_branch(),
        in_a_function(),
    ],
    ids=["initializer", "constant", "branch", "function"],
)
def test_no_model_reads_files_of_the_serving_pod(model: onnx.ModelProto, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="external data") as caught:
        read(saved(tmp_path / "m", model))
    assert caught.value.reason is Reason.MODEL_INVALID


def unshaped() -> onnx.ModelProto:
    return identity(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))


def two_graphs() -> bytes:
    return linear().SerializeToString() * 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"hello, this is a text", "not an ONNX model"),
        (b"\x08\x07", "it has no graph"),
        (linear().SerializeToString()[:-9], "damaged"),
        (two_graphs(), "several graphs"),
        (unshaped().SerializeToString(), "does not say the shape of its output y"),
        (identity().SerializeToString(), "has 0 outputs"),
        (
            identity(VALUE("y", TensorProto.COMPLEX64, [1])).SerializeToString(),
            "ONNX data type 14",
        ),
        (
            identity(
                helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [1])
            ).SerializeToString(),
            "zipmap=False",
        ),
    ],
)
def test_what_cannot_be_served_is_explained(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(Failure, match=told) as caught:
        read(path)
    assert caught.value.reason is Reason.MODEL_INVALID


def test_a_file_that_no_onnx_runtime_can_load_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_model, "LIMIT_BYTES", 100)
    with pytest.raises(Failure, match="2 GiB"):
        read(saved(tmp_path / "m", linear()))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field: key, length, content."""
    length = len(content)
    return bytes((number << 3 | 2, length & 0x7F | 0x80, length >> 7)) + content


def test_deep_nesting_ends(tmp_path: Path) -> None:
    """A graph in an attribute of a node in a graph, deeper than any library writes it."""
    graph = b""
    for _ in range(300):
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "m"
    path.write_bytes(b"\x08\x08" + field(7, graph))
    with pytest.raises(Failure, match="nested too deeply"):
        read(path)


BYTES = linear().SerializeToString()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(BYTES) - 1), by=st.binary(min_size=1, max_size=4))
def test_damaged_files_are_read_or_refused_but_never_crash(
    at: int, by: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    path.write_bytes(BYTES[:at] + by + BYTES[at + len(by) :])
    try:
        reason = read(path) and Reason.MODEL_INVALID
    except Failure as failure:
        reason = failure.reason
    assert reason in (Reason.MODEL_INVALID, Reason.FORMAT_UNSUPPORTED)
