"""A service of a file that nobody has looked at yet: a check comes first."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import model, secret, service
from e2e.faults.workloads.parts.shows import ready

WORKLOAD = Workload(
    "checked",
    "a file of unknown bytes is checked, then served",
    (
        Step(
            "create",
            applies(secret(), service("digits", model("digits", sha256=None))),
            ready("digits"),
        ),
    ),
)
