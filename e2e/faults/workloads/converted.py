"""A file of Keras is converted and served; another one takes over, and the first comes back."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import SLOWLY, model, secret, service
from e2e.faults.workloads.parts.shows import Shows, every, ready

FIRST, SECOND = "s3://models/first.keras", "s3://models/second.h5"
SERVING = {"podAnnotations": SLOWLY}


def _serves(version: str) -> Shows:
    return lambda objects: objects["ModelService", "grown"]["status"].get("version") == version


WORKLOAD = Workload(
    "converted",
    "a file of Keras becomes a version, which is served",
    (
        Step(
            "create",
            applies(secret(), service("grown", model("grown", uri=FIRST), serving=SERVING)),
            every(ready("grown"), _serves("1")),
        ),
        Step(
            "another file",
            applies(service("grown", model("grown", uri=SECOND), serving=SERVING)),
            every(ready("grown"), _serves("2")),
        ),
        Step(
            "the first file, which is converted already",
            applies(service("grown", model("grown", uri=FIRST), serving=SERVING)),
            every(ready("grown"), _serves("1")),
        ),
    ),
)
