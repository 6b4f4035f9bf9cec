"""The Triton settings of a model, as the wanted-models document writes them.

They are part of a revision's identity, so what is not set is absent: a new kind of setting leaves
the names of all revisions as they are that do not use it.
"""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import (
    DynamicBatching,
    Ensemble,
    InstanceGroup,
    Model,
    QueuePolicy,
    SequenceBatching,
    duration,
)

Json = dict[str, Any]


def model_config(model: Model) -> dict[str, Any]:
    """The Triton settings of a model as the document writes them; what is not set is absent."""
    config: Json = {"maxBatchSize": model.max_batch_size}
    if model.ensemble is not None:
        config["ensemble"] = _ensemble(model.ensemble)
    else:
        config["instances"] = [
            {"count": group.count, "kind": group.kind}
            for group in model.instances or (InstanceGroup(),)
        ]
    if model.dynamic_batching is not None:
        config["dynamicBatching"] = _dynamic(model.dynamic_batching)
    if model.sequence_batching is not None:
        config["sequenceBatching"] = _sequence(model.sequence_batching)
    for side in ("inputs", "outputs"):
        tensors = getattr(model, side)
        if tensors:
            config[side] = [tensor.model_dump(mode="json", by_alias=True) for tensor in tensors]
    return config


def _ensemble(ensemble: Ensemble) -> Json:
    return {
        "steps": [
            {"model": step.model, "inputs": dict(step.inputs), "outputs": dict(step.outputs)}
            for step in ensemble.steps
        ]
    }


def _dynamic(batching: DynamicBatching) -> Json:
    return {
        "preferredBatchSizes": list(batching.preferred_batch_sizes or ()),
        **_delay(batching.max_queue_delay),
        **_set(
            preserveOrdering=batching.preserve_ordering or None,
            priorityLevels=batching.priority_levels,
            defaultPriorityLevel=batching.default_priority_level,
            queuePolicy=_policy(batching.queue_policy) if batching.queue_policy else None,
            priorityQueuePolicies=[
                {"level": one.level, **_policy(one.policy)}
                for one in batching.priority_queue_policies or ()
            ]
            or None,
        ),
    }


def _policy(policy: QueuePolicy) -> Json:
    return {
        "timeoutAction": policy.timeout_action,
        "allowTimeoutOverride": policy.allow_timeout_override,
        **_set(
            defaultTimeoutMicroseconds=_microseconds(policy.default_timeout),
            maxQueueSize=policy.max_queue_size,
        ),
    }


def _sequence(batching: SequenceBatching) -> Json:
    config: Json = {"strategy": batching.strategy}
    if batching.direct is not None:
        config["direct"] = {
            **_delay(batching.direct.max_queue_delay),
            **_set(minimumSlotUtilization=batching.direct.minimum_slot_utilization),
        }
    if batching.oldest is not None:
        config["oldest"] = {
            "maxCandidateSequences": batching.oldest.max_candidate_sequences,
            "preferredBatchSizes": list(batching.oldest.preferred_batch_sizes or ()),
            "preserveOrdering": batching.oldest.preserve_ordering,
            **_delay(batching.oldest.max_queue_delay),
        }
    controls = {one.kind: one.input for one in batching.controls or ()}
    states = [{"input": one.input, "output": one.output} for one in batching.states or ()]
    idle = _microseconds(batching.max_sequence_idle)
    return config | _set(
        maxSequenceIdleMicroseconds=idle, controls=controls or None, states=states or None
    )


def _delay(delay: str | None) -> Json:
    return _set(maxQueueDelayMicroseconds=_microseconds(delay))


def _microseconds(text: str | None) -> int | None:
    return None if text is None else duration.microseconds(text)


def _set(**fields: Any) -> Json:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}
