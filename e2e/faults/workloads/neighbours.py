"""Services share a namespace: one serves, one trains, and one goes while the other stays."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies, deletes
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    model,
    secret,
    service,
    trained,
)
from e2e.faults.workloads.parts.shows import every, gone, ready

WORKLOAD = Workload(
    "neighbours",
    "two services in a namespace; one is changed, one is deleted",
    (
        Step(
            "create",
            applies(secret(), service("digits"), service("line", trained("line"))),
            ready("digits", "line"),
        ),
        Step(
            "change one",
            applies(service("digits", model("digits", uri=OTHER_FILE, sha256=OTHER_SHA))),
            ready("digits", "line"),
        ),
        Step("delete one", deletes("digits"), every(gone("digits"), ready("line"))),
    ),
)
