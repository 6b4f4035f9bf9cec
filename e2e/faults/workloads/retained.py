"""A training that keeps one version: the older one goes once nobody serves it, and not before."""

from __future__ import annotations

from e2e.faults.workload import Objects, Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import SLOWLY, secret, service, trained
from e2e.faults.workloads.parts.shows import Shows, every, ready

SERVING = {"podAnnotations": SLOWLY}
KEPT = {"keep": 1}


def _versions(*numbers: int) -> Shows:
    """The versions that there are, and no others."""

    def holds(objects: Objects) -> bool:
        found = [item for (kind, _), item in objects.items() if kind == "ModelVersion"]
        return sorted(item["spec"]["version"] for item in found) == list(numbers)

    return holds


WORKLOAD = Workload(
    "retained",
    "a training that keeps one version deletes the one before",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line", retention=KEPT), serving=SERVING)),
            every(ready("line"), _versions(1)),
        ),
        Step(
            "other parameters",
            applies(service("line", trained("line", epochs=7, retention=KEPT), serving=SERVING)),
            every(ready("line"), _versions(2)),
        ),
    ),
)
