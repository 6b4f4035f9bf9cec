"""Other parameters train a second version, which takes over from the first."""

from __future__ import annotations

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import SLOWLY, secret, service, trained
from e2e.faults.workloads.parts.shows import Shows, every, ready

SERVING = {"podAnnotations": SLOWLY}


def _serves(version: str) -> Shows:
    return lambda objects: objects["ModelService", "line"]["status"].get("version") == version


WORKLOAD = Workload(
    "retrained",
    "a second training makes a version that takes over",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line"), serving=SERVING)),
            every(ready("line"), _serves("1")),
        ),
        Step(
            "other parameters",
            applies(service("line", trained("line", epochs=7), serving=SERVING)),
            every(ready("line"), _serves("2")),
        ),
        Step(
            "the first parameters, which are trained already",
            applies(service("line", trained("line"), serving=SERVING)),
            every(ready("line"), _serves("1")),
        ),
    ),
)
