"""Reading objects and their changes, for the oracles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from e2e.faults.history import Change
from e2e.faults.record import Manifest
from e2e.faults.run import Run

GROUP = "modelservice.io"
SERVICE, VERSION = "ModelService", "ModelVersion"
NAME, COMPONENT = f"{GROUP}/name", f"{GROUP}/component"
LOADED = f"{GROUP}/loaded"
REVISION, MODEL, SERVICE_UID = f"{GROUP}/revision", f"{GROUP}/model", f"{GROUP}/service-uid"


def in_order(run: Run) -> list[Change]:
    """The changes of all kinds in the order in which they happened.

    The watches of two kinds are not in step, but the versions of all objects come from one counter.
    """
    return sorted(run.history.changes, key=lambda change: version(change.object))


def version(item: Manifest) -> int:
    return int(item["metadata"]["resourceVersion"])


def uid(item: Manifest) -> str:
    return str(item["metadata"]["uid"])


def labels(item: Manifest) -> Mapping[str, str]:
    found: Mapping[str, str] = item["metadata"].get("labels") or {}
    return found


def controller(item: Manifest) -> Manifest:
    """The reference to what controls an object; empty where nothing does."""
    for reference in item["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Manifest = reference
            return found
    return {}


def leaves(item: Manifest) -> bool:
    return "deletionTimestamp" in item["metadata"]


def condition(item: Manifest, kind: str) -> Manifest:
    """A condition; empty where there is none."""
    for one in (item.get("status") or {}).get("conditions") or ():
        if one["type"] == kind:
            found: Manifest = one
            return found
    return {}


def holds(item: Manifest, kind: str) -> bool:
    """Whether a condition is True."""
    return bool(condition(item, kind).get("status") == "True")


def of(run: Run, *kinds: str) -> Iterator[Change]:
    """The changes of these kinds, in order."""
    return (change for change in in_order(run) if change.kind in kinds)


def size(service: Manifest) -> int:
    """How many pods a ModelService asks for."""
    spec = service["spec"]
    return 0 if spec.get("suspend") else int(spec.get("serving", {}).get("replicas", 1))
