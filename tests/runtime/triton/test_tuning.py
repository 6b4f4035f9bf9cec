"""Warm-up, cache, rate limiter, optimisation and parameters, in Triton's words."""

from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Document
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton.config import Target, config
from tests.runtime.examples import document, model_entry

REAL = Signature(
    inputs=(
        Tensor("x", "FP32", (-1, 4, -1)),
        Tensor("n", "INT64", (-1,)),
        Tensor("text", "BYTES", (-1, 2)),
    ),
    outputs=(Tensor("y", "FP32", (-1, 3)),),
)
PYTHON = Target(backends=frozenset({"python"}), gpu=False)
NATIVE = Target(backends=frozenset({"onnxruntime"}), gpu=True, gpus=1, cpus=4)


def made(
    signature: Signature = REAL, *, target: Target = NATIVE, batch: int = 8, **fields: Any
) -> pb.ModelConfig:
    model = Document.parse(document(model_entry(maxBatchSize=batch, **fields))).models[0]
    text = config(model, signature=signature, target=target)
    return text_format.Parse(text, pb.ModelConfig())


def samples(got: pb.ModelConfig) -> dict[str, tuple[int, list[int], str]]:
    (one,) = got.model_warmup
    return {
        name: (entry.data_type, list(entry.dims), str(entry.WhichOneof("input_data_type")))
        for name, entry in one.inputs.items()
    }


def test_a_warm_up_is_made_from_the_models_own_tensors() -> None:
    got = made(warmup={"batchSize": 4, "count": 3, "inputs": []})
    (one,) = got.model_warmup
    assert (one.batch_size, one.count) == (4, 3)
    assert samples(got) == {
        "x": (pb.TYPE_FP32, [4, 1], "zero_data"),
        "n": (pb.TYPE_INT64, [1], "zero_data"),
        "text": (pb.TYPE_STRING, [2], "zero_data"),
    }


def test_shapes_and_data_may_be_stated() -> None:
    inputs = [
        {"name": "x", "shape": [4, 7], "data": "Random"},
        {"name": "n", "shape": [1], "data": "Zero"},
    ]
    got = samples(made(warmup={"inputs": inputs}))
    assert got["x"] == (pb.TYPE_FP32, [4, 7], "random_data")
    assert got["n"] == (pb.TYPE_INT64, [1], "zero_data")


def test_without_batches_a_shape_has_all_axes() -> None:
    inputs = [{"name": "x", "shape": [5, 4, 2], "data": "Zero"}]
    got = samples(made(batch=0, warmup={"inputs": inputs}))
    assert (got["x"][1], got["n"][1]) == ([5, 4, 2], [1])


def test_what_triton_sets_for_sequences_is_warmed_up_too() -> None:
    """Triton 2.51 crashes where it is missing."""
    start = Tensor("START", "INT32", (-1, 1))
    signature = Signature(inputs=(*REAL.inputs, start), outputs=REAL.outputs)
    got = made(signature, warmup={}, sequenceBatching={"controls": {"Start": "START"}})
    assert samples(got)["START"] == (pb.TYPE_INT32, [1], "zero_data")
    assert "START" not in [one.name for one in got.input]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"name": "z"}, "the model has no input z (it has x FP32 [-1, 4, -1], "),
        ({"name": "x", "shape": [5, 7]}, "the shape [5, 7] of x is none of [4, -1]"),
        ({"name": "x", "shape": [4]}, "the shape [4] of x is none of [4, -1]"),
        ({"name": "x", "shape": [1, 4, 7]}, "the shape [1, 4, 7] of x is none of [4, -1]"),
    ],
)
def test_a_warm_up_that_the_model_cannot_take_is_told(stated: dict[str, Any], told: str) -> None:
    with pytest.raises(Failure) as caught:
        made(warmup={"inputs": [stated]})
    assert caught.value.reason is Reason.TENSOR_MISMATCH
    assert told in caught.value.message


def test_answers_are_kept_where_that_is_asked_for() -> None:
    assert made(responseCache=True).response_cache.enable
    assert not made().HasField("response_cache")


def test_an_instance_waits_for_resources() -> None:
    limiter = {
        "priority": 2,
        "resources": [
            {"name": "R", "count": 4, "global": False},
            {"name": "G", "count": 1, "global": True},
        ],
    }
    got = made(instances=[{"count": 1, "kind": "CPU", "rateLimiter": limiter}, {"count": 1}])
    first, second = got.instance_group
    assert first.rate_limiter.priority == 2
    assert [
        (one.name, one.count, getattr(one, "global")) for one in first.rate_limiter.resources
    ] == [
        ("R", 4, False),
        ("G", 1, True),
    ]
    assert not second.HasField("rate_limiter")


def test_parameters_stand_beside_those_of_the_operator() -> None:
    hostile = '1"\n}} backend: "python'
    got = made(instances=[{"kind": "CPU"}], parameters={"enable_mem_arena": "0", "x": hostile})
    assert {key: one.string_value for key, one in got.parameters.items()} == {
        "enable_mem_arena": "0",
        "x": hostile,
        "intra_op_thread_count": "4",
    }
    assert got.backend == "onnxruntime"


def test_optimisation_with_everything() -> None:
    got = made(
        optimization={
            "graphLevel": -1,
            "accelerators": [
                {"name": "TensorRT", "parameters": {"precision_mode": "FP16"}},
                {"name": "OpenVINO"},
            ],
            "inputPinnedMemory": False,
            "outputPinnedMemory": True,
        }
    ).optimization
    assert got.graph.level == -1
    (gpu,) = got.execution_accelerators.gpu_execution_accelerator
    (cpu,) = got.execution_accelerators.cpu_execution_accelerator
    assert (gpu.name, dict(gpu.parameters)) == ("tensorrt", {"precision_mode": "FP16"})
    assert (cpu.name, dict(cpu.parameters)) == ("openvino", {})
    assert got.HasField("input_pinned_memory")
    assert (got.input_pinned_memory.enable, got.output_pinned_memory.enable) == (False, True)


@pytest.mark.parametrize("wanted", [{"graphLevel": 1}, {"accelerators": [{"name": "OpenVINO"}]}])
def test_what_only_onnxruntimes_backend_does_is_refused_elsewhere(wanted: dict[str, Any]) -> None:
    signature = Signature(inputs=REAL.inputs[:2], outputs=REAL.outputs)
    with pytest.raises(Failure, match="graphLevel and accelerators need a Triton image") as caught:
        made(signature, target=PYTHON, optimization=wanted)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED
    assert made(signature, target=PYTHON, optimization={"inputPinnedMemory": True})
