"""A new file is checked before it takes over in the place of the old one."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import OTHER_FILE, SLOWLY, model, secret, service
from e2e.faults.workloads.parts.shows import ready

SERVING = {"replicas": 2, "podAnnotations": SLOWLY}
OLD = model("digits", sha256=None)
NEW = model("digits", uri=OTHER_FILE, sha256=None)
REPLACE = {"strategy": "Replace"}

WORKLOAD = Workload(
    "new_version_checked",
    "a new file is checked and replaces the old one pod by pod",
    (
        Step(
            "create",
            applies(secret(), service("digits", OLD, serving=SERVING, rollout=REPLACE)),
            ready("digits"),
        ),
        Step(
            "new file",
            applies(service("digits", NEW, serving=SERVING, rollout=REPLACE)),
            ready("digits"),
        ),
    ),
)
