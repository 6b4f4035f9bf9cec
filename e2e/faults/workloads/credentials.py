"""Credentials are rotated in their Secret, and then by another Secret."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import NEW_CANARY, model, secret, service
from e2e.faults.workloads.parts.shows import every, ready, told

OTHER = "rotated"

WORKLOAD = Workload(
    "credentials",
    "a Secret gets other values, then another Secret is named",
    (
        Step(
            "create",
            applies(secret(), service("digits", serving={"replicas": 2})),
            ready("digits"),
        ),
        # read by pods alone: nothing follows from it
        Step("other values", applies(secret(value=NEW_CANARY)), ready("digits")),
        Step(
            "another Secret",
            applies(
                secret(OTHER, value=NEW_CANARY),
                service("digits", model("digits", secret=OTHER), serving={"replicas": 2}),
            ),
            every(ready("digits"), told("digits", "Available", "True")),
        ),
    ),
)
