"""One service of two models: a file and a training."""

from __future__ import annotations

from e2e.faults.workload import Objects, Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import OTHER_DATA, model, secret, service, trained
from e2e.faults.workloads.parts.shows import ready


def _trained_anew(objects: Objects) -> bool:
    served = objects["ModelService", "pair"]["status"].get("models", ())
    versions = {item["name"]: item["version"] for item in served}
    return versions.get("line") == 2 and ready("pair")(objects)


WORKLOAD = Workload(
    "two_models",
    "a service has two models; one of them is trained anew",
    (
        Step(
            "create",
            applies(secret(), service("pair", model("digits"), trained("line"))),
            ready("pair"),
        ),
        Step(
            "other data",
            applies(service("pair", model("digits"), trained("line", data=OTHER_DATA))),
            _trained_anew,
        ),
    ),
)
