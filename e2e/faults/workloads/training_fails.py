"""A training that fails for good waits for another spec, and then trains."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import OTHER_DATA, secret, service, trained
from e2e.faults.workloads.parts.shows import ready, told

WORKLOAD = Workload(
    "training_fails",
    "a training diverges; with other data it succeeds",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line", secret="play-diverges"))),
            told("line", "Stalled", "True", "TrainingDiverged"),
        ),
        Step(
            "other data",
            applies(service("line", trained("line", data=OTHER_DATA))),
            ready("line"),
        ),
    ),
)
