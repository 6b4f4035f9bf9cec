"""Queues and sequences come out in Triton's words, and controls are inputs that no client sends."""

from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Document, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton.batching import requested
from modelservice_runtime.triton.config import Target, config
from tests.runtime.examples import document, model_entry

PLAIN = Signature(
    inputs=(Tensor("x", "FP32", (-1, 4)),), outputs=(Tensor("scores", "FP32", (-1, 3)),)
)
STATE = Signature(
    inputs=(
        *PLAIN.inputs,
        Tensor("START", "INT32", (-1, 1)),
        Tensor("READY", "FP32", (-1, 1)),
        Tensor("END", "BOOL", (-1, -1)),
        Tensor("ID", "UINT64", (-1, 1)),
        Tensor("before", "FP16", (-1, 2, 3)),
    ),
    outputs=(*PLAIN.outputs, Tensor("after", "FP16", (-1, 2, 3))),
)
PYTHON = Target(backends=frozenset({"python"}), gpu=False)
NATIVE = Target(backends=frozenset({"onnxruntime"}), gpu=False)
CONTROLS = {"Start": "START", "Ready": "READY", "End": "END", "CorrelationID": "ID"}


def model(**fields: Any) -> Model:
    return Document.parse(document(model_entry(maxBatchSize=8, **fields))).models[0]


def made(signature: Signature, *, target: Target = NATIVE, **fields: Any) -> pb.ModelConfig:
    text = config(model(**fields), signature=signature, target=target)
    return text_format.Parse(text, pb.ModelConfig())


def test_a_queue_with_everything() -> None:
    got = made(
        PLAIN,
        dynamicBatching={
            "priorityLevels": 3,
            "defaultPriorityLevel": 2,
            "queuePolicy": {
                "timeoutAction": "Delay",
                "defaultTimeoutMicroseconds": 100,
                "allowTimeoutOverride": True,
                "maxQueueSize": 7,
            },
            "priorityQueuePolicies": [
                {"level": 1, "timeoutAction": "Reject", "allowTimeoutOverride": False},
                {"level": 3, "timeoutAction": "Reject", "maxQueueSize": 1},
            ],
        },
    ).dynamic_batching
    assert (got.priority_levels, got.default_priority_level) == (3, 2)
    policy = got.default_queue_policy
    assert (policy.timeout_action, policy.default_timeout_microseconds) == (1, 100)
    assert (policy.allow_timeout_override, policy.max_queue_size) == (True, 7)
    assert {level: one.max_queue_size for level, one in got.priority_queue_policy.items()} == {
        1: 0,
        3: 1,
    }
    assert not got.preserve_ordering


def test_answers_in_order() -> None:
    assert made(PLAIN, dynamicBatching={"preserveOrdering": True}).dynamic_batching == (
        pb.ModelDynamicBatching(preserve_ordering=True)
    )


def test_controls_and_states_are_no_tensors_of_requests() -> None:
    got = made(
        STATE,
        sequenceBatching={
            "strategy": "Direct",
            "direct": {"maxQueueDelayMicroseconds": 5, "minimumSlotUtilization": "0.5"},
            "maxSequenceIdleMicroseconds": 9,
            "controls": CONTROLS,
            "states": [{"input": "before", "output": "after"}],
        },
    )
    assert [one.name for one in got.input] == ["x"]
    assert [one.name for one in got.output] == ["scores"]
    sequence = got.sequence_batching
    assert sequence.max_sequence_idle_microseconds == 9
    assert sequence.direct.max_queue_delay_microseconds == 5
    assert sequence.direct.minimum_slot_utilization == 0.5
    kind = pb.ModelSequenceBatching.Control
    controls = {one.name: one.control[0] for one in sequence.control_input}
    assert controls["START"] == kind(kind="CONTROL_SEQUENCE_START", int32_false_true=[0, 1])
    assert controls["READY"] == kind(kind="CONTROL_SEQUENCE_READY", fp32_false_true=[0, 1])
    assert controls["END"] == kind(kind="CONTROL_SEQUENCE_END", bool_false_true=[False, True])
    assert controls["ID"] == kind(kind="CONTROL_SEQUENCE_CORRID", data_type="TYPE_UINT64")
    (state,) = sequence.state
    assert (state.input_name, state.output_name) == ("before", "after")
    assert (state.data_type, list(state.dims)) == (pb.TYPE_FP16, [2, 3])
    assert state.initial_state[0].zero_data


def test_the_oldest_first() -> None:
    oldest = {
        "maxCandidateSequences": 4,
        "preferredBatchSizes": [2, 8],
        "maxQueueDelayMicroseconds": 5,
        "preserveOrdering": True,
    }
    got = made(PLAIN, sequenceBatching={"strategy": "Oldest", "oldest": oldest})
    assert got.sequence_batching.oldest == pb.ModelSequenceBatching.StrategyOldest(
        max_candidate_sequences=4,
        preferred_batch_size=[2, 8],
        max_queue_delay_microseconds=5,
        preserve_ordering=True,
    )


def test_sequences_by_defaults_are_still_sequences() -> None:
    got = made(PLAIN, sequenceBatching={"strategy": "Direct"})
    assert got.WhichOneof("scheduling_choice") == "sequence_batching"
    assert got.sequence_batching.WhichOneof("strategy_choice") == "direct"


def test_what_is_asked_of_a_model_leaves_out_what_triton_sets() -> None:
    batching = model(sequenceBatching={"controls": CONTROLS}).sequence_batching
    assert [one.name for one in requested(STATE, batching=batching).inputs] == ["x", "before"]
    assert requested(STATE, batching=None) == STATE


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        ({"controls": {"Start": "BEGIN"}}, "the model has no input BEGIN (it has x FP32"),
        ({"controls": {"Start": "x"}}, "control input x FP32 [-1, 4] must have the shape [-1, 1]"),
        ({"controls": {"Start": "ID"}}, "ID UINT64 [-1, 1] for Start must be INT32 or FP32 or"),
        ({"controls": {"CorrelationID": "READY"}}, "READY FP32 [-1, 1] for CorrelationID must be"),
        ({"states": [{"input": "before", "output": "scores"}]}, "type and shape must be the same"),
        ({"states": [{"input": "before", "output": "gone"}]}, "the model has no output gone"),
        ({"states": [{"input": "x", "output": "y"}]}, "x FP32 [-1, 4] becomes y FP32 [-1, -1]"),
        ({"states": [{"input": "any", "output": "y"}]}, "it cannot begin with zeros"),
    ],
)
def test_what_does_not_fit_the_model_is_told(sequence: dict[str, Any], told: str) -> None:
    signature = Signature(
        inputs=(*STATE.inputs, Tensor("any", "FP32", (-1, -1))),
        outputs=(*STATE.outputs, Tensor("y", "FP32", (-1, -1))),
    )
    with pytest.raises(Failure) as caught:
        made(signature, sequenceBatching=sequence)
    assert caught.value.reason is Reason.TENSOR_MISMATCH
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        ({"controls": {"End": "fixed"}}, "fixed BOOL [1, 1] must have the shape [-1, 1]"),
        ({"states": [{"input": "fixed", "output": "next"}]}, "has no first axis for batches"),
    ],
)
def test_batches_need_a_first_axis_here_too(sequence: dict[str, Any], told: str) -> None:
    signature = Signature(
        inputs=(*PLAIN.inputs, Tensor("fixed", "BOOL", (1, 1))),
        outputs=(*PLAIN.outputs, Tensor("next", "BOOL", (1, 1))),
    )
    sequence = {"states": [{"input": "fixed", "output": "next"}], **sequence}
    with pytest.raises(Failure) as caught:
        made(signature, sequenceBatching=sequence)
    assert told in caught.value.message


def test_states_need_tritons_own_onnxruntime() -> None:
    states = [{"input": "before", "output": "after"}]
    with pytest.raises(Failure, match="Sequences with states need a Triton image") as caught:
        made(STATE, target=PYTHON, sequenceBatching={"states": states})
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


def test_torch_in_the_executor_takes_no_controls() -> None:
    """It gets its inputs by their order, in which controls have no place."""
    wanted = model(sequenceBatching={"controls": CONTROLS})
    with pytest.raises(Failure, match="Controls of sequences need a Triton image") as caught:
        config(wanted, signature=STATE, target=PYTHON, format_=table.TORCHSCRIPT)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED
    assert config(wanted, signature=STATE, target=PYTHON, format_=table.SAFETENSORS)
