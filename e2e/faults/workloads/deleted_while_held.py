"""A service is deleted while somebody's finalizer holds it: nothing is made for it any more."""

from __future__ import annotations

import asyncio

from e2e.faults.workload import Objects, Step, User, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import secret, service
from e2e.faults.workloads.parts.shows import gone, ready

NAME = "digits"
# What was begun before the operator heard of the deletion may still be written for half of that.
LATER = 1.0  # seconds


def _finalizers(*names: str) -> list[dict[str, object]]:
    return [{"op": "add", "path": "/metadata/finalizers", "value": list(names)}]


async def _delete(user: User) -> None:
    await user.patch("ModelService", NAME, _finalizers("example.com/audit"))
    await user.delete("ModelService", NAME)
    await asyncio.sleep(LATER)
    for kind in ("PodDisruptionBudget", "Deployment"):
        for found, name in list(user.objects):
            if found == kind:
                await user.delete(kind, name)


async def _release(user: User) -> None:
    await asyncio.sleep(LATER)  # that nothing is made any more has no event
    await user.patch("ModelService", NAME, _finalizers())


def _leaving(objects: Objects) -> bool:
    """It is still there, and has no pods any more."""
    service = objects.get(("ModelService", NAME), {"metadata": {}})
    pods = [kind for kind, _ in objects if kind in {"Pod", "Deployment"}]
    return "deletionTimestamp" in service["metadata"] and not pods


WORKLOAD = Workload(
    "deleted_while_held",
    "a service is deleted and held by a finalizer; its children are deleted by hand",
    (
        Step("create", applies(secret(), service(NAME)), ready(NAME)),
        Step("delete", _delete, _leaving, harms=True),
        Step("release", _release, gone(NAME)),
    ),
)
