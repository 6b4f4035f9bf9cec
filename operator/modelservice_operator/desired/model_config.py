"""The Triton settings of a model, as the wanted-models document writes them.

They are part of a revision's identity, so what is not set is absent: a new kind of setting leaves
the names of all revisions as they are that do not use it.
"""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import Ensemble, InstanceGroup, Model, duration

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
        batching: dict[str, Any] = {
            "preferredBatchSizes": list(model.dynamic_batching.preferred_batch_sizes or ())
        }
        if model.dynamic_batching.max_queue_delay is not None:
            delay = duration.microseconds(model.dynamic_batching.max_queue_delay)
            batching["maxQueueDelayMicroseconds"] = delay
        config["dynamicBatching"] = batching
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
