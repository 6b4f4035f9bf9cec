"""A service of a file whose bytes are known, which needs no check."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import secret, service
from e2e.faults.workloads.parts.shows import ready

WORKLOAD = Workload(
    "serves",
    "a file of known bytes is served",
    (
        Step(
            "create",
            applies(secret(), service("digits", serving={"replicas": 2})),
            ready("digits"),
        ),
    ),
)
