"""config.pbtxt says what the CR and the model say, in Triton's words; a contradiction is told."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.artifacts.onnx_model import TRITON_TYPES
from modelservice_runtime.document import Document, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.formats.format import Format
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton.config import Target, config
from tests.runtime.examples import document, model_entry

CNN = Signature(
    inputs=(Tensor("image", "FP32", (-1, 1, 28, 28)),),
    outputs=(Tensor("scores", "FP32", (-1, 10)),),
)
PYTHON = Target(backends=frozenset({"python"}), gpu=False)
NATIVE = Target(backends=frozenset({"onnxruntime", "python"}), gpu=True)

GOLDEN = """\
name: "digits"
version_policy {
  specific {
    versions: 3
  }
}
max_batch_size: 32
input {
  name: "image"
  data_type: TYPE_FP32
  dims: 1
  dims: 28
  dims: 28
}
output {
  name: "scores"
  data_type: TYPE_FP32
  dims: 10
}
instance_group {
  count: 2
  kind: KIND_CPU
}
default_model_filename: "model.onnx"
dynamic_batching {
  preferred_batch_size: 8
  preferred_batch_size: 16
  max_queue_delay_microseconds: 500
}
parameters {
  key: "intra_op_thread_count"
  value {
    string_value: "4"
  }
}
backend: "onnxruntime"
"""


def model(**fields: Any) -> Model:
    return Document.parse(document(model_entry(**fields))).models[0]


def made(
    signature: Signature = CNN,
    *,
    target: Target = PYTHON,
    format_: Format = table.ONNX,
    **fields: Any,
) -> pb.ModelConfig:
    text = config(model(**fields), signature=signature, target=target, format_=format_)
    return text_format.Parse(text, pb.ModelConfig())


def test_the_whole_of_a_batched_model() -> None:
    text = config(
        model(
            version=3,
            maxBatchSize=32,
            dynamicBatching={"preferredBatchSizes": [8, 16], "maxQueueDelayMicroseconds": 500},
            instances=[{"count": 2, "kind": "CPU"}],
        ),
        signature=CNN,
        target=Target(backends=frozenset({"onnxruntime"}), gpu=True, gpus=1, cpus=8),
    )
    assert text == GOLDEN


def test_without_batches_the_shape_is_the_models_own() -> None:
    got = made()
    assert list(got.input[0].dims) == [-1, 1, 28, 28]
    assert got.max_batch_size == 0
    assert not got.HasField("dynamic_batching")


def test_the_executor_is_a_python_backend() -> None:
    assert made().backend == "python"
    assert made().default_model_filename == ""


def test_batching_by_defaults_is_still_batching() -> None:
    got = made(maxBatchSize=8, dynamicBatching={})
    assert got.HasField("dynamic_batching")
    assert got.dynamic_batching.max_queue_delay_microseconds == 0


@pytest.mark.parametrize(
    ("shape", "batch", "dims", "reshaped"),
    [((), 0, [1], True), ((-1,), 8, [1], True), ((-1,), 0, [-1], False), ((-1, 5), 8, [5], False)],
)
def test_a_tensor_without_axes_is_reshaped(
    shape: tuple[int, ...], batch: int, dims: list[int], reshaped: bool
) -> None:
    signature = Signature(inputs=CNN.inputs, outputs=(Tensor("label", "INT64", shape),))
    got = made(signature, maxBatchSize=batch).output[0]
    assert list(got.dims) == dims
    assert got.HasField("reshape") is reshaped
    assert list(got.reshape.shape) == []


GROUP = pb.ModelInstanceGroup


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("Auto", PYTHON, GROUP.KIND_CPU),
        ("GPU", PYTHON, GROUP.KIND_CPU),
        ("Auto", NATIVE, GROUP.KIND_AUTO),
        ("GPU", NATIVE, GROUP.KIND_GPU),
        ("CPU", NATIVE, GROUP.KIND_CPU),
        ("Auto", Target(backends=NATIVE.backends, gpu=True, gpus=1), GROUP.KIND_GPU),
        ("Auto", Target(backends=NATIVE.backends, gpu=True, gpus=0), GROUP.KIND_CPU),
        ("Auto", Target(backends=NATIVE.backends, gpu=False, gpus=1), GROUP.KIND_CPU),
        ("Auto", Target(backends=frozenset({"python"}), gpu=True, gpus=1), GROUP.KIND_CPU),
    ],
)
def test_instances_run_where_they_can(kind: str, target: Target, expected: int) -> None:
    got = made(target=target, instances=[{"count": 2, "kind": kind}])
    assert [(group.count, group.kind) for group in got.instance_group] == [(2, expected)]


@pytest.mark.parametrize(("cpus", "threads"), [(8, "4"), (2, "1"), (1, "1")])
def test_instances_share_the_cores_of_the_container(cpus: int, threads: str) -> None:
    target = Target(backends=frozenset({"python"}), gpu=False, cpus=cpus)
    got = made(target=target, instances=[{"count": 2, "kind": "Auto"}])
    assert got.parameters["intra_op_thread_count"].string_value == threads


def test_names_that_need_quoting_come_out_right() -> None:
    name = 'a"b\n{}\\'
    signature = Signature(inputs=(Tensor(name, "FP32", (-1, 1)),), outputs=CNN.outputs)
    assert made(signature).input[0].name == name


@pytest.mark.parametrize(
    "data_type",
    sorted(set(TRITON_TYPES.values()) - {"BYTES"}),
)
def test_every_data_type_has_tritons_name(data_type: str) -> None:
    signature = Signature(inputs=(Tensor("x", data_type, (-1,)),), outputs=CNN.outputs)
    got = made(signature).input[0]
    assert pb.DataType.Name(got.data_type) == f"TYPE_{data_type}"


def test_text_needs_tritons_own_onnxruntime() -> None:
    signature = Signature(inputs=(Tensor("text", "BYTES", (-1, 1)),), outputs=CNN.outputs)
    assert made(signature, target=NATIVE).input[0].data_type == pb.TYPE_STRING
    with pytest.raises(Failure, match="no onnxruntime backend") as caught:
        made(signature)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


@pytest.mark.parametrize("shape", [(1, 28, 28), (), (8, -1)])
@pytest.mark.parametrize("role", ["input", "output"])
def test_a_fixed_first_axis_takes_no_batches(shape: tuple[int, ...], role: str) -> None:
    fixed = (Tensor("t", "FP32", shape),)
    signature = Signature(
        inputs=fixed if role == "input" else CNN.inputs,
        outputs=fixed if role == "output" else CNN.outputs,
    )
    with pytest.raises(Failure, match=f"its {role} t FP32 .*maxBatchSize to 0") as caught:
        made(signature, maxBatchSize=8)
    assert caught.value.reason is Reason.BATCHING_UNSUPPORTED
    assert made(signature).max_batch_size == 0


GPU = Target(backends=frozenset({"tensorrt", "python"}), gpu=True, gpus=1, cpus=8)


def test_a_plan_runs_on_the_gpu() -> None:
    got = made(target=GPU, format_=table.TENSORRT, instances=[{"count": 1, "kind": "Auto"}])
    assert (got.backend, got.default_model_filename) == ("tensorrt", "model.plan")
    assert [group.kind for group in got.instance_group] == [GROUP.KIND_GPU]


@pytest.mark.parametrize(
    ("target", "kind", "told"),
    [
        (replace(GPU, gpus=0), "Auto", "runs on GPUs alone. Set spec.gpu"),
        (replace(GPU, gpu=False), "Auto", "runs on GPUs alone. Set spec.gpu"),
        (replace(GPU, backends=PYTHON.backends), "Auto", "has no backend tensorrt"),
        (GPU, "CPU", "instances of kind CPU"),
    ],
)
def test_a_plan_needs_a_gpu_and_its_backend(target: Target, kind: str, told: str) -> None:
    with pytest.raises(Failure, match=told) as caught:
        made(target=target, format_=table.TENSORRT, instances=[{"count": 1, "kind": kind}])
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


def test_a_python_model_runs_where_it_is_asked_to() -> None:
    text = Signature(inputs=(Tensor("text", "BYTES", (-1, 1)),), outputs=CNN.outputs)
    got = made(text, target=GPU, format_=table.PYTHON, instances=[{"count": 1, "kind": "GPU"}])
    assert (got.backend, got.default_model_filename) == ("python", "")
    assert [group.kind for group in got.instance_group] == [GROUP.KIND_GPU]
    assert not got.parameters
    with pytest.raises(Failure, match="no backend python"):
        made(target=Target(backends=frozenset({"onnxruntime"}), gpu=True), format_=table.PYTHON)


@pytest.mark.parametrize(
    ("format_", "backends", "backend", "parameter"),
    [
        (table.TORCHSCRIPT, {"pytorch", "python"}, "pytorch", "INTRA_OP_THREAD_COUNT"),
        (table.TORCHSCRIPT, {"python"}, "python", "intra_op_thread_count"),
        (table.TORCH_EXPORT, {"pytorch", "python"}, "python", "intra_op_thread_count"),
        (table.SAFETENSORS, {"onnxruntime"}, "onnxruntime", "intra_op_thread_count"),
    ],
)
def test_each_format_has_its_backend_or_the_executor(
    format_: Format, backends: set[str], backend: str, parameter: str
) -> None:
    target = Target(backends=frozenset(backends), gpu=False, cpus=4)
    got = made(target=target, format_=format_)
    assert (got.backend, list(got.parameters)) == (backend, [parameter])


def stated(name: str, data_type: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "dataType": data_type, "shape": shape}


RIGHT = stated("image", "FP32", [-1, 1, 28, 28])


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([stated("img", "FP32", [-1, 1, 28, 28])], "no input img (the model has image FP32 [-1,"),
        ([stated("image", "FP64", [-1, 1, 28, 28])], "input image has data type FP32, not FP64"),
        ([stated("image", "FP32", [-1, 784])], "has shape [-1, 1, 28, 28], not [-1, 784]"),
        ([RIGHT, stated("mask", "BOOL", [-1])], "there is no input mask"),
        ([], "input image FP32 [-1, 1, 28, 28] is not stated"),
    ],
)
def test_a_difference_from_the_spec_is_spelled_out(inputs: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(Failure) as caught:
        made(inputs=inputs)
    assert caught.value.reason is Reason.TENSOR_MISMATCH
    assert told in caught.value.message
    assert "Correct spec.models[].inputs" in caught.value.message


def test_tensors_that_agree_pass_in_any_order() -> None:
    two = Signature(inputs=(*CNN.inputs, Tensor("mask", "BOOL", (-1,))), outputs=CNN.outputs)
    outputs = [stated("scores", "FP32", [-1, 10])]
    got = made(two, inputs=[stated("mask", "BOOL", [-1]), RIGHT], outputs=outputs)
    assert [tensor.name for tensor in got.input] == ["image", "mask"]
