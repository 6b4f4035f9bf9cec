"""Pods come and go through /scale: up, down, to none and back."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies, scales
from e2e.faults.workloads.parts.manifests import secret, service
from e2e.faults.workloads.parts.shows import ready

WORKLOAD = Workload(
    "scaled",
    "up, down, to none and back, through /scale",
    (
        Step("create", applies(secret(), service("digits")), ready("digits")),
        Step("up", scales("digits", 3), ready("digits")),
        Step("down", scales("digits", 1), ready("digits")),
        Step("to none", scales("digits", 0), ready("digits")),
        Step("back", scales("digits", 2), ready("digits")),
    ),
)
