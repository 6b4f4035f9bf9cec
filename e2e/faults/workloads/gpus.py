"""A service on GPUs gets other GPUs."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import SLOWLY, secret, service
from e2e.faults.workloads.parts.shows import ready

SERVING = {"podAnnotations": SLOWLY}

WORKLOAD = Workload(
    "gpus",
    "a service on one GPU gets two",
    (
        Step(
            "create",
            applies(secret(), service("digits", gpu={"count": 1}, serving=SERVING)),
            ready("digits"),
        ),
        Step(
            "two GPUs",
            applies(service("digits", gpu={"count": 2}, serving=SERVING)),
            ready("digits"),
        ),
    ),
)
