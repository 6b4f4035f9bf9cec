"""A new file takes over pod by pod, with as many pods ready as before all the time."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    SLOWLY,
    model,
    secret,
    service,
)
from e2e.faults.workloads.parts.shows import ready

SERVING = {"replicas": 2, "podAnnotations": SLOWLY}
NEW = model("digits", uri=OTHER_FILE, sha256=OTHER_SHA)

WORKLOAD = Workload(
    "new_version",
    "a new file takes over with a surge",
    (
        Step("create", applies(secret(), service("digits", serving=SERVING)), ready("digits")),
        Step("new file", applies(service("digits", NEW, serving=SERVING)), ready("digits")),
    ),
)
