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
    Optimization,
    QueuePolicy,
    RateLimiter,
    SequenceBatching,
    Warmup,
    duration,
)

Json = dict[str, Any]


def model_config(model: Model) -> dict[str, Any]:
    """The Triton settings of a model as the document writes them; what is not set is absent."""
    config: Json = {"maxBatchSize": model.max_batch_size}
    if model.ensemble is not None:
        config["ensemble"] = _ensemble(model.ensemble)
    else:
        config["instances"] = [_group(one) for one in model.instances or (InstanceGroup(),)]
    if model.dynamic_batching is not None:
        config["dynamicBatching"] = _dynamic(model.dynamic_batching)
    if model.sequence_batching is not None:
        config["sequenceBatching"] = _sequence(model.sequence_batching)
    if model.warmup is not None:
        config["warmup"] = _warmup(model.warmup)
    if model.caches:
        config["responseCache"] = True
    if model.optimization is not None:
        config["optimization"] = _optimization(model.optimization)
    if model.parameters:
        config["parameters"] = dict(sorted(model.parameters.items()))
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


def _group(group: InstanceGroup) -> Json:
    limiter = group.rate_limiter
    return {
        "count": group.count,
        "kind": group.kind,
        **({"rateLimiter": _limiter(limiter)} if limiter is not None else {}),
    }


def _limiter(limiter: RateLimiter) -> Json:
    resources = [
        {"name": one.name, "count": one.count, "global": one.is_global}
        for one in limiter.resources or ()
    ]
    return {"priority": limiter.priority, "resources": resources}


def _warmup(warmup: Warmup) -> Json:
    inputs = [
        {"name": one.name, "data": one.data, **_set(shape=_list(one.shape))}
        for one in warmup.inputs or ()
    ]
    return {"batchSize": warmup.batch_size, "count": warmup.count, "inputs": inputs}


def _optimization(optimization: Optimization) -> Json:
    accelerators = [
        {"name": one.name, "parameters": dict(sorted((one.parameters or {}).items()))}
        for one in optimization.accelerators or ()
    ]
    return _set(
        graphLevel=optimization.graph_level,
        accelerators=accelerators or None,
        inputPinnedMemory=optimization.input_pinned_memory,
        outputPinnedMemory=optimization.output_pinned_memory,
    )


def _list(items: tuple[int, ...] | None) -> list[int] | None:
    return None if items is None else list(items)


def _delay(delay: str | None) -> Json:
    return _set(maxQueueDelayMicroseconds=_microseconds(delay))


def _microseconds(text: str | None) -> int | None:
    return None if text is None else duration.microseconds(text)


def _set(**fields: Any) -> Json:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}
