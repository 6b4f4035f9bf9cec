"""What pods mount is there before what makes the pods, and so is a revision's record."""

from __future__ import annotations

from e2e.faults.oracles.objects import SERVICE, controller, in_order, uid
from e2e.faults.record import Manifest
from e2e.faults.run import Run

MAKES_PODS = frozenset({"Deployment", "Job"})


def check(run: Run, reference: Run) -> list[str]:
    there: set[tuple[str, str]] = set()
    seen: set[str] = set()
    found = []
    for change in in_order(run):
        item = change.object
        key = (change.kind, change.name)
        if change.type == "DELETED":
            there.discard(key)
            continue
        there.add(key)
        if change.kind not in MAKES_PODS or uid(item) in seen:
            continue
        seen.add(uid(item))
        if controller(item).get("kind") == SERVICE:
            needs = [("ConfigMap", name) for name in _mounted(item)]
            if change.kind == "Deployment":
                needs.append(("ControllerRevision", change.name))
            missing = [f"{kind} {name}" for kind, name in needs if (kind, name) not in there]
            found += [f"{change.kind} {change.name} was made before {one}" for one in missing]
    return found


def _mounted(item: Manifest) -> list[str]:
    volumes = item["spec"]["template"]["spec"].get("volumes") or ()
    return [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]
