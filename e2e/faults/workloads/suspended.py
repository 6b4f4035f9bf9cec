"""A service is suspended and resumed, while it serves and while it trains."""

from __future__ import annotations

from e2e.faults.workload import Objects, Step, Workload
from e2e.faults.workloads.parts.acts import RESULT, Act, applies, ends, patches
from e2e.faults.workloads.parts.manifests import secret, service, trained
from e2e.faults.workloads.parts.shows import TRAINING, condition, pods, ready, runs


def _suspended(value: bool) -> Act:
    return patches("line", {"spec": {"suspend": value}})


def _paused(objects: Objects) -> bool:
    """The Job stands still and its pods are gone."""
    return any(
        kind == "Job" and condition(item, "Suspended").get("status") == "True"
        for (kind, _), item in objects.items()
    ) and not pods(objects, TRAINING)


WORKLOADS = (
    Workload(
        "suspended",
        "serving is suspended and resumed",
        (
            Step(
                "create",
                applies(secret(), service("line", serving={"replicas": 2})),
                ready("line"),
            ),
            Step("suspend", _suspended(True), ready("line")),
            Step("resume", _suspended(False), ready("line")),
        ),
    ),
    Workload(
        "suspended_training",
        "a training is suspended and resumed",
        (
            Step(
                "create",
                applies(secret(), service("line", trained("line", secret="play-held"))),
                runs(TRAINING),
            ),
            Step("suspend", _suspended(True), _paused),
            Step("resume", _suspended(False), runs(TRAINING)),
            Step("trained", ends(TRAINING, code=0, message=RESULT), ready("line")),
        ),
    ),
)
