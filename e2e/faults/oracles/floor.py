"""Once there are as many ready pods as a spec asks for, there are never fewer.

The floor of a service is its wanted size, from the moment at which so many pods were ready; a
smaller size counts at once, a larger one when it is reached. With the strategy Replace it is one
less: an old pod goes first. Pods that are ready and on their way out do not count. Where a step of
the workload takes pods away itself, those that were there no longer make a floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from e2e.faults.history import Change
from e2e.faults.oracles.objects import (
    COMPONENT,
    SERVICE,
    SERVICE_UID,
    holds,
    in_order,
    labels,
    leaves,
    size,
    uid,
)
from e2e.faults.record import Manifest
from e2e.faults.run import Run
from e2e.faults.workloads import WORKLOADS


@dataclass(slots=True)
class _Service:
    name: str
    goal: int = 0
    floor: int = 0
    ready: set[str] = field(default_factory=set)
    harmed: set[str] = field(default_factory=set)


def check(run: Run, reference: Run) -> list[str]:
    harmful = _harmful(run)
    services: dict[str, _Service] = {}
    found: list[str] = []
    for change in in_order(run):
        touched = _take(change, services=services)
        if any(began <= change.at <= ended for began, ended in harmful):
            for service in services.values():
                service.floor = 0
                service.harmed |= service.ready
            continue
        if touched is None:
            continue
        if len(touched.ready) < touched.floor:
            found.append(
                f"{touched.name} had {len(touched.ready)} ready pods and not {touched.floor} at "
                f"{change.at - run.began:.2f} s, when {change.kind} {change.name} was "
                f"{change.type.lower()}"
            )
            touched.floor = len(touched.ready)  # told once
        elif len(touched.ready - touched.harmed) >= touched.goal:
            touched.floor = touched.goal
    return found


def _harmful(run: Run) -> list[tuple[float, float]]:
    """From when to when the user takes pods away himself; what he does takes effect later."""
    steps = {step.name for step in WORKLOADS[run.plan.workload].steps if step.harms}
    return [
        (moment.began, moment.ended if moment.ended is not None else math.inf)
        for moment in run.moments
        if moment.step in steps
    ]


def _take(change: Change, *, services: dict[str, _Service]) -> _Service | None:
    """The service whose pods or size have changed."""
    item = change.object
    if change.kind == SERVICE:
        return _spec(item, gone=change.type == "DELETED" or leaves(item), services=services)
    if change.kind != "Pod" or labels(item).get(COMPONENT) != "serving":
        return None
    service = services.get(labels(item).get(SERVICE_UID, ""))
    if service is None:
        return None
    if change.type != "DELETED" and holds(item, "Ready") and not leaves(item):
        service.ready.add(uid(item))
    else:
        service.ready.discard(uid(item))
    return service


def _spec(item: Manifest, *, gone: bool, services: dict[str, _Service]) -> _Service | None:
    if gone:
        services.pop(uid(item), None)
        return None
    service = services.setdefault(uid(item), _Service(item["metadata"]["name"]))
    replace = item["spec"].get("rollout", {}).get("strategy") == "Replace"
    service.goal = max(0, size(item) - 1) if replace else size(item)
    service.floor = min(service.floor, service.goal)
    return service
