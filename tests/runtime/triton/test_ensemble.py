"""An ensemble has the tensors that its models leave open, and models that don't fit are told."""

from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton import ensemble
from modelservice_runtime.triton.config import Target, config, outside

TARGET = Target(backends=frozenset({"python"}), gpu=False)
PRE = Signature(
    inputs=(Tensor("x", "FP32", (-1, 4)),),
    outputs=(Tensor("y", "FP32", (-1, 8)), Tensor("size", "INT64", (-1,))),
)
CLS = Signature(
    inputs=(Tensor("x", "FP32", (-1, -1)),), outputs=(Tensor("scores", "FP32", (-1, 3)),)
)
STEPS = [
    {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "clean"}},
    {"model": "cls", "inputs": {"x": "clean"}, "outputs": {"scores": "out"}},
]


def entry(*steps: dict[str, Any], **fields: Any) -> Model:
    return Model.parse(
        {"name": "whole", "version": 1, "ensemble": {"steps": steps or STEPS}, **fields}
    )


def joined(model: Model, **members: Signature) -> Signature:
    return ensemble.signature(model, members={"pre": PRE, "cls": CLS, **members})


def test_what_is_left_open_is_what_goes_in_and_comes_out() -> None:
    assert joined(entry()) == Signature(
        inputs=(Tensor("raw", "FP32", (-1, 4)),), outputs=(Tensor("out", "FP32", (-1, 3)),)
    )


def test_a_stated_output_may_be_used_inside_too() -> None:
    stated = [
        {"name": "clean", "dataType": "FP32", "shape": [-1, 8]},
        {"name": "out", "dataType": "FP32", "shape": [-1, 3]},
    ]
    model = entry(outputs=stated)
    assert [tensor.name for tensor in joined(model).outputs] == ["clean", "out"]
    assert config(model, signature=joined(model), target=TARGET)


def test_an_input_that_several_models_take_suits_all() -> None:
    model = entry(
        {"model": "cls", "inputs": {"x": "raw"}, "outputs": {"scores": "a"}},
        {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "b"}},
    )
    assert joined(model).inputs == (Tensor("raw", "FP32", (-1, 4)),)


GOLDEN = """\
name: "whole"
platform: "ensemble"
version_policy {
  specific {
    versions: 1
  }
}
max_batch_size: 8
input {
  name: "raw"
  data_type: TYPE_FP32
  dims: 4
}
output {
  name: "out"
  data_type: TYPE_FP32
  dims: 3
}
ensemble_scheduling {
  step {
    model_name: "pre"
    model_version: -1
    input_map {
      key: "x"
      value: "raw"
    }
    output_map {
      key: "y"
      value: "clean"
    }
  }
  step {
    model_name: "cls"
    model_version: -1
    input_map {
      key: "x"
      value: "clean"
    }
    output_map {
      key: "scores"
      value: "out"
    }
  }
}
"""


@pytest.mark.parametrize("backend", ["python", "onnxruntime"])
def test_the_configuration_has_steps_and_nothing_that_runs(backend: str) -> None:
    target = Target(backends=frozenset({backend}), gpu=True, gpus=1, cpus=4)
    model = entry(maxBatchSize=8)
    assert config(model, signature=joined(model), target=target) == GOLDEN


def test_names_that_need_quoting_come_out_right() -> None:
    name = 'a"b\n} step { model_name: "x'
    model = entry({"model": "pre", "inputs": {"x": name}, "outputs": {"y": "out"}})
    text = config(model, signature=joined(model), target=TARGET)
    read = text_format.Parse(text, pb.ModelConfig())
    assert [dict(step.input_map) for step in read.ensemble_scheduling.step] == [{"x": name}]
    assert read.input[0].name == name


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            [{"model": "pre", "inputs": {"x": "raw", "z": "raw"}, "outputs": {"y": "out"}}],
            "pre has no input z (it has x FP32 [-1, 4])",
        ),
        (
            [{"model": "pre", "inputs": {"x": "raw"}, "outputs": {"z": "out"}}],
            "pre has no output z (it has y FP32 [-1, 8], size INT64 [-1])",
        ),
        (
            [
                {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "wide"}},
                {"model": "pre", "inputs": {"x": "wide"}, "outputs": {"y": "out"}},
            ],
            "wide has two shapes: pre.y (FP32 [-1, 8]) makes it, pre.x (FP32 [-1, 4]) takes it",
        ),
        (
            [
                {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"size": "n"}},
                {"model": "cls", "inputs": {"x": "n"}, "outputs": {"scores": "out"}},
            ],
            "n has two data types: pre.size (INT64 [-1]) makes it, cls.x (FP32 [-1, -1]) takes it",
        ),
        (
            [
                {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "a"}},
                {"model": "flat", "inputs": {"x": "raw"}, "outputs": {"y": "b"}},
            ],
            "the input raw FP32 [-1, 4] cannot be taken by flat.x (FP32 [-1]) as well",
        ),
        (
            [{"model": "two", "inputs": {"a": "raw"}, "outputs": {"y": "out"}}],
            "nothing goes into the input b FP32 [-1] of two",
        ),
    ],
)
def test_models_that_do_not_fit_are_told(steps: list[dict[str, Any]], told: str) -> None:
    flat, one = Tensor("x", "FP32", (-1,)), Tensor("y", "FP32", (-1,))
    two = (replace_name(flat, "a"), replace_name(flat, "b"))
    with pytest.raises(Failure) as caught:
        joined(
            entry(*steps),
            flat=Signature(inputs=(flat,), outputs=(one,)),
            two=Signature(inputs=two, outputs=(one,)),
        )
    assert caught.value.reason is Reason.TENSOR_MISMATCH
    assert told in caught.value.message


def replace_name(tensor: Tensor, name: str) -> Tensor:
    return Tensor(name, tensor.data_type, tensor.shape)


def test_stated_tensors_are_compared_with_those_of_the_models() -> None:
    model = entry(inputs=[{"name": "raw", "dataType": "FP32", "shape": [-1, 5]}])
    with pytest.raises(Failure, match=r"raw has shape \[-1, 4\], not \[-1, 5\]") as caught:
        config(model, signature=joined(model), target=TARGET)
    assert caught.value.reason is Reason.TENSOR_MISMATCH


def test_batches_of_an_ensemble_need_models_that_take_any_number() -> None:
    fixed = Signature(inputs=(Tensor("x", "FP32", (1, 4)),), outputs=PRE.outputs)
    model = entry(maxBatchSize=8)
    with pytest.raises(Failure, match=r"input raw FP32 .* fixed first axis") as caught:
        config(model, signature=joined(model, pre=fixed), target=TARGET)
    assert caught.value.reason is Reason.BATCHING_UNSUPPORTED


@pytest.mark.parametrize(
    ("shape", "batches", "seen"),
    [((), False, (1,)), ((-1,), True, (-1, 1)), ((-1,), False, (-1,)), ((-1, 3), True, (-1, 3))],
)
def test_clients_see_an_axis_where_a_model_has_none(
    shape: tuple[int, ...], batches: bool, seen: tuple[int, ...]
) -> None:
    one = (Tensor("t", "FP32", shape),)
    assert outside(Signature(inputs=one, outputs=one), batches=batches) == Signature(
        inputs=(Tensor("t", "FP32", seen),), outputs=(Tensor("t", "FP32", seen),)
    )
