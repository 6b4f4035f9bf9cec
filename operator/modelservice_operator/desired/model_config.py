"""The Triton settings of a model, as the wanted-models document writes them.

They are part of a revision's identity, so what is not set is absent: a new kind of setting leaves
the names of all revisions as they are that do not use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from modelservice_operator.api import (
    DynamicBatching,
    Ensemble,
    InstanceGroup,
    Model,
    Optimization,
    OutputLabels,
    QueuePolicy,
    RateLimiter,
    SequenceBatching,
    TensorSpec,
    Warmup,
    duration,
)

Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")


def model_config(model: Model) -> Json:
    """The Triton settings of a model as the document writes them; what is not set is absent."""
    groups = model.instances or (InstanceGroup(),)
    return {
        "maxBatchSize": model.max_batch_size,
        **_set(
            ensemble=_made(_ensemble, model.ensemble),
            instances=None if model.ensemble is not None else [_group(one) for one in groups],
            dynamicBatching=_made(_dynamic, model.dynamic_batching),
            sequenceBatching=_made(_sequence, model.sequence_batching),
            warmup=_made(_warmup, model.warmup),
            responseCache=model.caches or None,
            optimization=_made(_optimization, model.optimization),
            parameters=dict(sorted((model.parameters or {}).items())) or None,
            labels=_made(_labels, model.labels),
            inputs=_made(_tensors, model.inputs),
            outputs=_made(_tensors, model.outputs),
        ),
    }


def _labels(labels: tuple[OutputLabels, ...]) -> Json:
    return {one.output: list(one.values) for one in labels}


def _tensors(tensors: tuple[TensorSpec, ...]) -> list[Json]:
    return [tensor.model_dump(mode="json", by_alias=True) for tensor in tensors]


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
            queuePolicy=_made(_policy, batching.queue_policy),
            priorityQueuePolicies=[
                {"level": one.level, **_policy(one.policy)}
                for one in sorted(batching.priority_queue_policies or (), key=lambda one: one.level)
            ]
            or None,
        ),
    }


def _policy(policy: QueuePolicy) -> Json:
    return {
        "timeoutAction": policy.timeout_action,
        "allowTimeoutOverride": policy.allow_timeout_override,
        **_set(
            defaultTimeoutMicroseconds=_made(duration.microseconds, policy.default_timeout),
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
    states = [
        {"input": one.input, "output": one.output}
        for one in sorted(batching.states or (), key=lambda one: one.input)
    ]
    idle = _made(duration.microseconds, batching.max_sequence_idle)
    return config | _set(
        maxSequenceIdleMicroseconds=idle, controls=controls or None, states=states or None
    )


def _group(group: InstanceGroup) -> Json:
    limiter = _made(_limiter, group.rate_limiter)
    return {"count": group.count, "kind": group.kind, **_set(rateLimiter=limiter)}


def _limiter(limiter: RateLimiter) -> Json:
    resources = [
        {"name": one.name, "count": one.count, "global": one.is_global}
        for one in sorted(limiter.resources or (), key=lambda one: one.name)
    ]
    return {"priority": limiter.priority, "resources": resources}


def _warmup(warmup: Warmup) -> Json:
    inputs = [
        {"name": one.name, "data": one.data, **_set(shape=_made(list, one.shape))}
        for one in sorted(warmup.inputs or (), key=lambda one: one.name)
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


def _delay(delay: str | None) -> Json:
    return _set(maxQueueDelayMicroseconds=_made(duration.microseconds, delay))


def _made(make: Callable[[T], R], value: T | None) -> R | None:
    """What `make` makes of a value that may be left out."""
    return None if value is None else make(value)


def _set(**fields: Any) -> Json:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}
