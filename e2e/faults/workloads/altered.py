"""Somebody alters, orphans, takes over or deletes the children of a service that serves.

What is still the service's own is put right. What is not is left alone and told of; once it is
out of the way, all is as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, Step, User, Workload
from e2e.faults.workloads.parts.acts import Act
from e2e.faults.workloads.parts.shows import SERVING, Shows, pods, ready, told
from e2e.faults.workloads.serves import WORKLOAD as SERVES

NAME: Final = "digits"
KINDS: Final = (
    "Deployment",
    "Service",
    "ConfigMap",
    "ControllerRevision",
    "PodDisruptionBudget",
    "NetworkPolicy",
)
OTHER: Final = {"modelservice.io/name": "other", "modelservice.io/component": "serving"}
# What others write into a child, which is put right: by kind, a name and a merge patch each.
PATCHES: Final[dict[str, dict[str, Manifest]]] = {
    "Deployment": {
        "size": {"spec": {"replicas": 4}},
        "no size": {"spec": {"replicas": 0}},
        "strategy": {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 2}}}},
    },
    "Service": {
        "selector": {"spec": {"selector": {**OTHER, "more": "of-it"}}},
        "ports": {"spec": {"ports": [{"name": "http", "port": 8000, "targetPort": 9999}]}},
    },
    "ConfigMap": {"data": {"data": {"models.json": "{}"}}},
    "PodDisruptionBudget": {"spec": {"spec": {"maxUnavailable": 2}}},
    "NetworkPolicy": {
        "selector": {"spec": {"podSelector": {"matchLabels": OTHER}}},
        "no rules": {"spec": {"ingress": None}},
    },
}
# The API server lets nobody change one, not even its labels: it takes the data for changed as soon
# as it writes them anew.
FIXED: Final = frozenset({"ControllerRevision"})
# Changes of these lose pods, for which the service's own user has to thank whoever made them.
PODS: Final = frozenset({"Deployment"})


def _child(objects: Objects, kind: str) -> Manifest:
    """The one child of a kind that a service of one revision has."""
    return next(
        item
        for (found, _), item in objects.items()
        if found == kind and item["metadata"].get("labels", {}).get("modelservice.io/name") == NAME
    )


def _altered(kind: str, patch: Manifest) -> Act:
    async def act(user: User) -> None:
        child = _child(user.objects, kind)
        answer = await user.patch(kind, child["metadata"]["name"], patch)
        version = answer["metadata"]["resourceVersion"]
        await user.until(lambda objects: _moved_on(objects, child=answer, version=version))

    return act


def _moved_on(objects: Objects, *, child: Manifest, version: str) -> bool:
    now = objects.get((child["kind"], child["metadata"]["name"]))
    return now is None or now["metadata"]["resourceVersion"] != version


def _deleted(kind: str, *, propagation: str = "Background") -> Act:
    async def act(user: User) -> None:
        child = _child(user.objects, kind)
        uid = child["metadata"]["uid"]
        old = _pods(user.objects) if kind in PODS and propagation == "Background" else set()
        await user.delete(kind, child["metadata"]["name"], propagation=propagation)
        await user.until(lambda objects: _made_again(objects, kind=kind, uid=uid))
        await user.until(lambda objects: not old & _pods(objects))

    return act


def _pods(objects: Objects) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods(objects, SERVING)}


def _made_again(objects: Objects, *, kind: str, uid: str) -> bool:
    return any(
        found == kind
        and item["metadata"]["uid"] != uid
        and item["metadata"].get("labels", {}).get("modelservice.io/name") == NAME
        for (found, _), item in objects.items()
    )


def _orphaned(kind: str) -> Act:
    return lambda user: user.patch(
        kind,
        _child(user.objects, kind)["metadata"]["name"],
        {"metadata": {"ownerReferences": None}},
    )


def _captured(kind: str) -> Act:
    """Somebody else's controller says that it is its own."""

    async def act(user: User) -> None:
        holder = await user.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "holder"}}
        )
        reference = {
            "apiVersion": "v1",
            "kind": "Secret",
            "name": "holder",
            "uid": holder["metadata"]["uid"],
            "controller": True,
        }
        child = _child(user.objects, kind)
        patch = {"metadata": {"ownerReferences": [reference]}}
        await user.patch(kind, child["metadata"]["name"], patch)

    return act


def _removed(kind: str) -> Act:
    """Whoever has the child's name gives it up."""

    async def act(user: User) -> None:
        await user.delete(kind, _child(user.objects, kind)["metadata"]["name"])
        await user.delete("Secret", "holder")

    return act


def _replaced(kind: str, change: Manifest) -> Act:
    """Deleted and made again by hand: a copy of the child that is not quite the child."""

    async def act(user: User) -> None:
        child = _child(user.objects, kind)
        name = child["metadata"]["name"]
        metadata = {
            "name": name,
            "labels": child["metadata"]["labels"],
            "ownerReferences": child["metadata"]["ownerReferences"],
        }
        copied = {
            "apiVersion": child["apiVersion"],
            "kind": kind,
            "metadata": metadata,
            "spec": {**child["spec"], **change},
        }
        # One deletion and one creation, with nothing of the operator's in between.
        await user.delete(kind, name)
        await user.apply(copied)

    return act


def _workload(name: str, about: str, *steps: Step) -> Workload:
    return Workload(
        f"altered_{name}", about, (*SERVES.steps, *steps), like=SERVES.name, faults=False
    )


def _step(name: str, act: Act, *, kind: str, until: Shows | None = None) -> Step:
    return Step(name, act, until or _whole, harms=kind in PODS)


def _whole(objects: Objects) -> bool:
    """The service serves, and has each of its children."""
    has = {
        kind
        for (kind, _), item in objects.items()
        if item["metadata"].get("labels", {}).get("modelservice.io/name") == NAME
        and any(owner["kind"] == "ModelService" for owner in item["metadata"]["ownerReferences"])
    }
    return has >= set(KINDS) and ready(NAME)(objects)


def _of_a_kind(kind: str) -> Iterator[Workload]:
    plain = kind.lower()
    yield _workload(
        f"{plain}_deleted",
        f"the {kind} is deleted, twice",
        _step("deleted", _deleted(kind), kind=kind),
        _step("deleted again", _deleted(kind), kind=kind),
    )
    if kind in FIXED:
        return
    refused = told(NAME, "Stalled", "True", "NameConflict")
    labels = {"metadata": {"labels": None}}
    yield _workload(
        f"{plain}_changed",
        f"fields and labels of the {kind} are changed by others",
        *(
            _step(f"{name} changed", _altered(kind, patch), kind=kind)
            for name, patch in PATCHES.get(kind, {}).items()
        ),
        _step("another's label", _altered(kind, {"metadata": {"labels": OTHER}}), kind=kind),
        _step("labels removed", _altered(kind, labels), kind=kind),
    )
    yield _workload(
        f"{plain}_taken",
        f"the {kind} loses its owner, and gets another one",
        _step("orphaned", _orphaned(kind), kind=kind, until=refused),
        _step("removed", _removed(kind), kind=kind),
        _step("captured", _captured(kind), kind=kind, until=refused),
        _step("removed again", _removed(kind), kind=kind),
    )


WORKLOADS = tuple(workload for kind in KINDS for workload in _of_a_kind(kind))
