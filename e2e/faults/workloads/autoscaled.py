"""A HorizontalPodAutoscaler is made, changed and taken away."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies, patches
from e2e.faults.workloads.parts.manifests import secret, service
from e2e.faults.workloads.parts.shows import Shows, every, exists, ready

BOUNDS = {
    "minReplicas": 1,
    "maxReplicas": 3,
    "metrics": [{"type": "CPU", "cpu": {"targetUtilization": 60}}],
}


def _bound(most: int) -> Shows:
    """The autoscaler has this bound."""
    return lambda objects: any(
        kind == "HorizontalPodAutoscaler" and item["spec"]["maxReplicas"] == most
        for (kind, _), item in objects.items()
    )


def _free() -> Shows:
    scaler = exists("HorizontalPodAutoscaler")
    return lambda objects: not scaler(objects)


WORKLOAD = Workload(
    "autoscaled",
    "an autoscaler is made, changed and taken away",
    (
        Step(
            "create",
            applies(secret(), service("digits", autoscaling=BOUNDS)),
            every(ready("digits"), _bound(3)),
        ),
        Step(
            "other bounds",
            patches("digits", {"spec": {"autoscaling": {"maxReplicas": 5}}}),
            every(ready("digits"), _bound(5)),
        ),
        Step(
            "none",
            patches("digits", {"spec": {"autoscaling": None}}),
            every(ready("digits"), _free()),
        ),
    ),
)
