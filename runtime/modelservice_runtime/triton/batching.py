"""Dynamic and sequence batching in Triton's configuration.

The inputs by which Triton tells a model about a sequence, and the states that it keeps for one,
are no inputs or outputs of requests: Triton's schema has other places for them.
"""

from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.scheduling import (
    DynamicBatching,
    Oldest,
    QueuePolicy,
    SequenceBatching,
)
from modelservice_runtime.tensors import ANY, Signature, Tensor

_CONTROL = pb.ModelSequenceBatching.Control
_KINDS = {
    "Start": _CONTROL.CONTROL_SEQUENCE_START,
    "End": _CONTROL.CONTROL_SEQUENCE_END,
    "Ready": _CONTROL.CONTROL_SEQUENCE_READY,
    "CorrelationID": _CONTROL.CONTROL_SEQUENCE_CORRID,
}
_FALSE_TRUE = {"INT32": "int32_false_true", "FP32": "fp32_false_true", "BOOL": "bool_false_true"}
_NUMBERS = ("INT32", "INT64", "UINT32", "UINT64")


def add_dynamic(message: Any, *, batching: DynamicBatching) -> None:
    """Set `message.dynamic_batching`."""
    one = message.dynamic_batching
    one.SetInParent()
    one.preferred_batch_size.extend(batching.preferred_batch_sizes)
    if batching.max_queue_delay_microseconds is not None:
        one.max_queue_delay_microseconds = batching.max_queue_delay_microseconds
    one.preserve_ordering = batching.preserve_ordering
    if batching.priority_levels is not None:
        one.priority_levels = batching.priority_levels
    if batching.default_priority_level is not None:
        one.default_priority_level = batching.default_priority_level
    if batching.queue_policy is not None:
        _set_policy(one.default_queue_policy, policy=batching.queue_policy)
    for level, policy in batching.priority_queue_policies:
        _set_policy(one.priority_queue_policy[level], policy=policy)


def _set_policy(message: Any, *, policy: QueuePolicy) -> None:
    message.SetInParent()
    message.timeout_action = pb.ModelQueuePolicy.DELAY if policy.delay else 0
    message.default_timeout_microseconds = policy.default_timeout_microseconds
    message.allow_timeout_override = policy.allow_timeout_override
    message.max_queue_size = policy.max_queue_size


def requested(signature: Signature, *, batching: SequenceBatching | None) -> Signature:
    """What clients send and get: without what Triton sets and keeps by itself."""
    if batching is None:
        return signature
    return Signature(
        inputs=tuple(one for one in signature.inputs if one.name not in batching.inputs),
        outputs=tuple(one for one in signature.outputs if one.name not in batching.outputs),
    )


def add_sequence(
    message: Any, *, batching: SequenceBatching, signature: Signature, batches: bool
) -> None:
    """Set `message.sequence_batching`; `signature` is the model's own.

    Raises `Failure` with `TensorMismatch` where controls or states are no tensors of the model, or
    of types that Triton does not set.
    """
    one = message.sequence_batching
    one.SetInParent()
    if batching.max_sequence_idle_microseconds is not None:
        one.max_sequence_idle_microseconds = batching.max_sequence_idle_microseconds
    strategy = batching.strategy
    if isinstance(strategy, Oldest):
        chosen = one.oldest
        chosen.max_candidate_sequences = strategy.max_candidate_sequences
        chosen.preferred_batch_size.extend(strategy.preferred_batch_sizes)
        chosen.preserve_ordering = strategy.preserve_ordering
    else:
        chosen = one.direct
        chosen.SetInParent()
        if strategy.minimum_slot_utilization is not None:
            chosen.minimum_slot_utilization = strategy.minimum_slot_utilization
    if strategy.max_queue_delay_microseconds is not None:
        chosen.max_queue_delay_microseconds = strategy.max_queue_delay_microseconds
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    outputs = {tensor.name: tensor for tensor in signature.outputs}
    for kind, name in batching.controls:
        tensor = _known(name, role="input", tensors=inputs)
        _add_control(one, kind=kind, tensor=tensor, batches=batches)
    for name, result in batching.states:
        before = _known(name, role="input", tensors=inputs)
        after = _known(result, role="output", tensors=outputs)
        _add_state(one, before=before, after=after, batches=batches)


def _known(name: str, *, role: str, tensors: dict[str, Tensor]) -> Tensor:
    if name not in tensors:
        have = ", ".join(str(one) for one in tensors.values())
        raise _mismatch(f"the model has no {role} {name} (it has {have})")
    return tensors[name]


def _add_control(message: Any, *, kind: str, tensor: Tensor, batches: bool) -> None:
    shape = (ANY, 1) if batches else (1,)
    if tensor.shape not in (shape, (*shape[:-1], ANY)):
        raise _mismatch(f"the control input {tensor} must have the shape {list(shape)}")
    allowed = _NUMBERS if kind == "CorrelationID" else tuple(_FALSE_TRUE)
    if tensor.data_type not in allowed:
        raise _mismatch(f"the control input {tensor} for {kind} must be {' or '.join(allowed)}")
    control = message.control_input.add(name=tensor.name).control.add(kind=_KINDS[kind])
    if kind == "CorrelationID":
        control.data_type = getattr(pb, f"TYPE_{tensor.data_type}")
    else:
        getattr(control, _FALSE_TRUE[tensor.data_type]).extend((0, 1))


def _add_state(message: Any, *, before: Tensor, after: Tensor, batches: bool) -> None:
    if (before.data_type, before.shape) != (after.data_type, after.shape):
        raise _mismatch(f"the state {before} becomes {after}: type and shape must be the same")
    if batches and before.shape[:1] != (ANY,):
        raise _mismatch(f"the state {before} has no first axis for batches")
    dims = before.shape[1:] if batches else before.shape
    data_type = getattr(pb, f"TYPE_{before.data_type}")
    state = message.state.add(
        input_name=before.name, output_name=after.name, data_type=data_type, dims=dims
    )
    if ANY in dims:
        raise _mismatch(f"the state {before} has an axis of any length: it cannot begin with zeros")
    state.initial_state.add(name="zeros", data_type=data_type, dims=dims, zero_data=True)


def _mismatch(what: str) -> Failure:
    return Failure(
        reason=Reason.TENSOR_MISMATCH,
        message=f"sequenceBatching does not fit the model: {what}. Correct "
        "spec.models[].sequenceBatching, or export the model anew.",
    )
