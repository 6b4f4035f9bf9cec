"""A service takes its model from the registry: it waits for a version, and moves to a newer one."""

from __future__ import annotations

from e2e.faults.workload import Objects, Step, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    SLOWLY,
    secret,
    service,
    version,
)
from e2e.faults.workloads.parts.shows import Shows, every, ready, told

SERVING = {"replicas": 2, "podAnnotations": SLOWLY}
LATEST = {"name": "digits", "versionRef": {"selector": {"model": "digits"}}}


def _used(name: str, *users: str) -> Shows:
    """The services that serve a version, as its status tells."""

    def holds(objects: Objects) -> bool:
        found = objects["ModelVersion", name].get("status", {}).get("usedBy", [])
        return [user.partition("/")[2] for user in found] == list(users)

    return holds


WORKLOAD = Workload(
    "version_ref",
    "a model from the registry: a version is waited for, and a newer one takes over",
    (
        Step(
            "create",
            applies(secret(), service("digits", LATEST, serving=SERVING)),
            told("digits", "Ready", "False", "VersionMissing"),
        ),
        Step(
            "a version",
            applies(version("digits-1", 1)),
            every(ready("digits"), _used("digits-1", "digits")),
        ),
        Step(
            "a newer version",
            applies(version("digits-2", 2, uri=OTHER_FILE, sha256=OTHER_SHA)),
            every(ready("digits"), _used("digits-2", "digits"), _used("digits-1")),
        ),
    ),
)
