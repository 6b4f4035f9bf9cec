"""An older operator wrote fields that this one does not want: they go, and nothing else changes."""

from __future__ import annotations

from typing import Final

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, Step, User, Workload
from e2e.faults.workloads.parts.shows import ready
from e2e.faults.workloads.serves import WORKLOAD as SERVES

MANAGER: Final = "modelservice-operator"
OLD: Final = "example.com/of-an-older-operator"
KINDS: Final = ("Deployment", "Service", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy")
_OTHERS: Final = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


async def _upgrade(user: User) -> None:
    for (kind, _), item in list(user.objects.items()):
        if kind in KINDS and MANAGER in item["metadata"].get("labels", {}).values():
            await user.apply(_older(item), manager=MANAGER)


def _older(item: Manifest) -> Manifest:
    """A child as it is, with an annotation more."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _OTHERS}
    metadata["annotations"] = {**metadata.get("annotations", {}), OLD: "yes"}
    return {**{key: item[key] for key in item if key != "status"}, "metadata": metadata}


def _gone(objects: Objects) -> bool:
    # a ReplicaSet keeps what its Deployment had
    return ready("digits")(objects) and not any(
        kind in KINDS and OLD in item["metadata"].get("annotations", {})
        for (kind, _), item in objects.items()
    )


WORKLOAD = Workload(
    "older_operator",
    "fields that an older operator wrote are taken away",
    (*SERVES.steps, Step("fields of an older operator", _upgrade, _gone)),
    like=SERVES.name,
    faults=False,
)
