"""The HorizontalPodAutoscaler of a service that scales on CPU. It moves the ModelService's own
size through `/scale`; which revision gets the pods is the rollout planner's business."""

from __future__ import annotations

from modelservice_operator.api import Autoscaling, names
from modelservice_operator.desired import child_names
from modelservice_operator.desired.child import Child, Owner, Stage, metadata


def autoscaler(autoscaling: Autoscaling | None, *, owner: Owner) -> Child | None:
    if autoscaling is None:
        return None
    name = child_names.singleton(namespace=owner.namespace, name=owner.name, role="scaling")
    metrics = [
        {
            "type": "ContainerResource",
            "containerResource": {
                # the agent's own use says nothing of the load
                "container": "triton",
                "name": "cpu",
                "target": {
                    "type": "Utilization",
                    "averageUtilization": metric.cpu.target_utilization,
                },
            },
        }
        for metric in autoscaling.metrics
        if metric.cpu is not None
    ]
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(owner=owner, name=name, component="serving"),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND_SERVICE,
                "name": owner.name,
            },
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": metrics,
        },
    }
    return Child(manifest=manifest, stage=Stage.SCALING)
