"""The settings that come with a folder of somebody's Triton repository."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given as generated
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Instances, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.scheduling import DynamicBatching, QueuePolicy
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton.config import Target, config
from modelservice_runtime.triton.given import LIMIT_BYTES, Given
from modelservice_runtime.tuning import Optimization, RateLimiter, Resource
from tests.runtime.examples import model_entry

WHOLE = b"""
name: "theirs"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 10 ] } ]
output [ { name: "y" data_type: TYPE_STRING dims: [ 1 ] reshape { shape: [ ] } } ]
version_policy { latest { num_versions: 2 } }
default_model_filename: "net.onnx"
instance_group [
  {
    count: 2
    kind: KIND_CPU
    rate_limiter { priority: 3 resources [ { name: "R" count: 4 global: true } ] }
  }
]
dynamic_batching {
  preferred_batch_size: [ 8, 4 ]
  max_queue_delay_microseconds: 500
  default_queue_policy { timeout_action: DELAY max_queue_size: 16 }
}
response_cache { enable: true }
optimization { graph { level: 1 } input_pinned_memory { enable: false } }
parameters { key: "enable_mem_arena" value { string_value: "0" } }
"""


def model(**fields: Any) -> Model:
    return Model.parse(model_entry(**fields))


def test_what_a_modelservice_could_state_is_taken_over() -> None:
    limiter = RateLimiter(priority=3, resources=(Resource("R", count=4, is_global=True),))
    assert Given.parse(WHOLE) == Given(
        max_batch_size=8,
        dynamic_batching=DynamicBatching(
            preferred_batch_sizes=(4, 8),
            max_queue_delay_microseconds=500,
            queue_policy=QueuePolicy(delay=True, max_queue_size=16),
        ),
        instances=(Instances(count=2, kind="CPU", rate_limiter=limiter),),
        response_cache=True,
        optimization=Optimization(graph_level=1, input_pinned_memory=False),
        parameters=(("enable_mem_arena", "0"),),
        inputs=(Tensor("x", "FP32", (-1, 10)),),
        outputs=(Tensor("y", "BYTES", (-1,)),),
        file="net.onnx",
    )


def test_what_is_taken_over_is_what_triton_is_told() -> None:
    signature = Signature((Tensor("x", "FP32", (-1, 10)),), (Tensor("y", "FP32", (-1, 1)),))
    target = Target(backends=frozenset({"onnxruntime", "python"}), gpu=False)
    taken = Given.parse(WHOLE).under(model())
    text = config(taken, signature=signature, target=target, format_=table.ONNX)
    theirs = text_format.Parse(WHOLE, pb.ModelConfig())
    ours = text_format.Parse(text, pb.ModelConfig())
    for name in ("max_batch_size", "instance_group", "response_cache", "optimization"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert sorted(ours.dynamic_batching.preferred_batch_size) == [4, 8]
    assert ours.parameters["enable_mem_arena"].string_value == "0"
    assert ours.name == "digits"
    assert ours.default_model_filename == "model.onnx"


def test_what_the_spec_states_wins() -> None:
    stated = model(
        maxBatchSize=2,
        dynamicBatching={"preferredBatchSizes": [2]},
        instances=[{"count": 3, "kind": "Auto"}],
        parameters={"enable_mem_arena": "1"},
        optimization={"graphLevel": -1},
    )
    taken = Given.parse(WHOLE).under(stated)
    assert taken.max_batch_size == 2
    assert taken.dynamic_batching == stated.dynamic_batching
    assert taken.instances == stated.instances
    assert taken.parameters == (("enable_mem_arena", "1"),)
    assert taken.optimization == stated.optimization


def test_an_empty_file_says_nothing() -> None:
    assert Given.parse(b"") == Given()
    assert Given().under(model()) == model()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('model_operations { op_library_filename: "a.so" }', "model_operations"),
        ('model_repository_agents { agents { name: "x" } }', "model_repository_agents"),
        ('cc_model_filenames { key: "8.0" value: "a" }', "cc_model_filenames"),
        ("ensemble_scheduling { }", "ensemble_scheduling"),
        ("sequence_batching { }", "sequence_batching"),
        ("model_transaction_policy { decoupled: true }", "model_transaction_policy"),
        ('model_warmup { name: "w" }', "model_warmup"),
        ("instance_group { kind: KIND_MODEL }", "instance_group.kind KIND_MODEL"),
        ("instance_group { gpus: [ 0 ] }", "instance_group.gpus"),
        ('instance_group { host_policy: "h" }', "instance_group.host_policy"),
        ("optimization { cuda { graphs: true } }", "optimization.cuda"),
        (
            'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/x" } }',
            "parameters.EXECUTION_ENV_PATH",
        ),
        (
            'input { name: "x" data_type: TYPE_FP32 dims: 1 is_shape_tensor: true }',
            "x.is_shape_tensor",
        ),
        ('output { name: "y" label_filename: "labels.txt" }', "y.label_filename"),
    ],
)
def test_what_it_cannot_state_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(Failure) as failure:
        Given.parse(text.encode())
    assert failure.value.reason is Reason.FORMAT_UNSUPPORTED
    assert f"has {named}," in failure.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"max_batch_size: 5000",
        b"max_batch_size: -1",
        b"instance_group { count: 33 }",
        b"instance_group { } " * 9,
        b"dynamic_batching { preferred_batch_size: [ 2 ] }",
        b"nobody_knows: 1",
        b"max_batch_size",
        b"\xff",
        b"#" * (LIMIT_BYTES + 1),
        b"optimization { " * 5000,
        b'parameters { key: "a" value { string_value: "' + b"x" * 257 + b'" } }',
    ],
    ids=lambda data: ascii(data[:32]),
)
def test_what_is_wrong_is_told(data: bytes) -> None:
    with pytest.raises(Failure) as failure:
        Given.parse(data)
    assert failure.value.reason is Reason.MODEL_INVALID
    assert failure.value.message.startswith("Its config.pbtxt cannot be used: ")


@generated(
    st.lists(st.sampled_from([*WHOLE.split(), b"model_warmup", b"[", b"}", b"-1", b'"'])).map(
        b" ".join
    )
)
def test_whatever_it_holds_it_is_settings_or_a_failure(data: bytes) -> None:
    try:
        given = Given.parse(data)
    except Failure:
        return
    assert 0 <= given.max_batch_size <= 4096
    assert sum(group.count for group in given.instances) <= 8 * 32
