"""A training that keeps one version: the older one goes once nobody serves it, and not before."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import SLOWLY, secret, service, trained
from e2e.faults.workloads.parts.shows import every, ready, versions

SERVING = {"podAnnotations": SLOWLY}
KEPT = {"keep": 1}


WORKLOAD = Workload(
    "retained",
    "a training that keeps one version deletes the one before",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line", retention=KEPT), serving=SERVING)),
            every(ready("line"), versions(1)),
        ),
        Step(
            "other parameters",
            applies(service("line", trained("line", epochs=7, retention=KEPT), serving=SERVING)),
            every(ready("line"), versions(2)),
        ),
    ),
)
