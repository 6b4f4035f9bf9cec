"""A service is deleted in each phase of its life."""

from __future__ import annotations

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, Step, Workload
from e2e.faults.workloads.parts.acts import applies, deletes
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    SLOWLY,
    model,
    secret,
    service,
    trained,
)
from e2e.faults.workloads.parts.shows import (
    CHECK,
    SERVING,
    TRAINING,
    Shows,
    every,
    gone,
    pods,
    ready,
    runs,
    told,
)

STUCK = {"podAnnotations": {"play": "starting"}}
PODS = 2
SLOW = {"replicas": PODS, "podAnnotations": SLOWLY}
NEW = model("digits", uri=OTHER_FILE, sha256=OTHER_SHA)


def _deleted(phase: str, made: Manifest, *, seen: Shows) -> Workload:
    return Workload(
        f"deleted_while_{phase}",
        f"a service is deleted while it is {phase}",
        (
            Step("create", applies(secret(), made), seen),
            Step("delete", deletes("digits"), gone("digits")),
        ),
    )


def _both(objects: Objects) -> bool:
    """The old pods and one of the new revision are there."""
    return len(pods(objects, SERVING)) == PODS + 1


def _rolling() -> Workload:
    stuck = {**SLOW, **STUCK}
    return Workload(
        "deleted_while_rolling_out",
        "a service is deleted while a new revision comes up",
        (
            Step("create", applies(secret(), service("digits", serving=SLOW)), ready("digits")),
            Step(
                "new file",
                applies(service("digits", NEW, serving=stuck)),
                every(told("digits", "Reconciling", "True", "RollingOut"), _both),
            ),
            Step("delete", deletes("digits"), gone("digits")),
        ),
    )


WORKLOADS = (
    _deleted(
        "training",
        service("digits", trained("digits", secret="play-held")),
        seen=runs(TRAINING),
    ),
    _deleted(
        "checking",
        service("digits", model("digits", sha256=None, secret="play-held")),
        seen=runs(CHECK),
    ),
    _deleted(
        "starting",
        service("digits", serving=STUCK),
        seen=told("digits", "Ready", "False", "Loading"),
    ),
    _deleted("serving", service("digits", serving=SLOW), seen=ready("digits")),
    _rolling(),
)
