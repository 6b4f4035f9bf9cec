"""A training makes a version, which is served."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import secret, service, trained
from e2e.faults.workloads.parts.shows import ready

WORKLOAD = Workload(
    "trained",
    "a model is trained, registered and served",
    (Step("create", applies(secret(), service("line", trained("line"))), ready("line")),),
)
