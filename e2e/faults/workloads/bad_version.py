"""A new file that cannot be served: the old one serves on, and comes back whole."""

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
from e2e.faults.workloads.parts.shows import ready, told

SERVING = {"replicas": 2, "podAnnotations": SLOWLY}
BAD = {"replicas": 2, "podAnnotations": {**SLOWLY, "play": "corrupt"}}
OLD = service("digits", serving=SERVING)
UNLIKE = model("digits", uri=OTHER_FILE, sha256=None, secret="play-mismatch")
REPLACE = {"strategy": "Replace"}

WORKLOAD = Workload(
    "bad_version",
    "new files that are refused by fetch and by a check; the old one is asked for again",
    (
        Step("create", applies(secret(), OLD), ready("digits")),
        Step(
            "file of other bytes",
            applies(
                service("digits", model("digits", uri=OTHER_FILE, sha256=OTHER_SHA), serving=BAD)
            ),
            told("digits", "Stalled", "True", "DigestMismatch"),
        ),
        Step("back", applies(OLD), ready("digits")),
        Step(
            "file of other tensors",
            applies(service("digits", UNLIKE, serving=SERVING, rollout=REPLACE)),
            told("digits", "Stalled", "True", "TensorMismatch"),
        ),
        Step("back again", applies(OLD), ready("digits")),
    ),
)
