"""A failed second training leaves the first version in service."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import OTHER_DATA, secret, service, trained
from e2e.faults.workloads.parts.shows import every, ready, told

WORKLOAD = Workload(
    "retraining_fails",
    "a second training diverges while the first version serves on",
    (
        Step("create", applies(secret(), service("line", trained("line"))), ready("line")),
        Step(
            "data that diverge",
            applies(service("line", trained("line", data=OTHER_DATA, secret="play-diverges"))),
            every(ready("line"), told("line", "TrainingComplete", "False", "TrainingDiverged")),
        ),
    ),
)
