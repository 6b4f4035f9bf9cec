"""What shows that a step is over: conditions on the objects of the namespace."""

from __future__ import annotations

from collections.abc import Callable

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects

Shows = Callable[[Objects], bool]
SERVING, TRAINING, CHECK = "serving", "training", "check"


def ready(*names: str) -> Shows:
    """The current specs are served by as many pods as they ask for, and nothing else moves."""
    return lambda objects: all(_ready(objects, name) for name in names)


def told(name: str, kind: str, status: str, reason: str | None = None) -> Shows:
    """This condition, judged on the current spec."""

    def holds(objects: Objects) -> bool:
        service = objects.get(("ModelService", name))
        if service is None or not is_current(service):
            return False
        found = condition(service, kind)
        return found.get("status") == status and reason in {None, found.get("reason")}

    return holds


def gone(*names: str) -> Shows:
    """Neither the services are there nor anything that was theirs; versions stay."""

    def holds(objects: Objects) -> bool:
        return not any(
            (kind == "ModelService" and item["metadata"]["name"] in names)
            or (kind not in {"ModelVersion", "Event"} and belongs(item) in names)
            for (kind, _), item in objects.items()
        )

    return holds


def exists(kind: str, name: str = "") -> Shows:
    """There is one of this kind (and name)."""
    return lambda objects: any(found == kind and name in {"", called} for found, called in objects)


def versions(*numbers: int) -> Shows:
    """The ModelVersions that there are, and no others."""

    def holds(objects: Objects) -> bool:
        found = [item for (kind, _), item in objects.items() if kind == "ModelVersion"]
        return sorted(item["spec"]["version"] for item in found) == list(numbers)

    return holds


def runs(component: str) -> Shows:
    """A pod of this component runs."""
    return lambda objects: any(
        pod.get("status", {}).get("phase") == "Running" for pod in pods(objects, component)
    )


def every(*shows: Shows) -> Shows:
    return lambda objects: all(one(objects) for one in shows)


def pods(objects: Objects, component: str, *, service: str | None = None) -> list[Manifest]:
    """Pods of a component (of one service), those on their way out included."""
    return [
        item
        for (kind, _), item in objects.items()
        if kind == "Pod"
        and item["metadata"].get("labels", {}).get("modelservice.io/component") == component
        and service in {None, belongs(item)}
    ]


def condition(item: Manifest, kind: str) -> Manifest:
    """A condition of an object; empty where it has none."""
    for one in item.get("status", {}).get("conditions", ()):
        if one["type"] == kind:
            found: Manifest = one
            return found
    return {}


def is_current(service: Manifest) -> bool:
    """Whether the status was judged on the spec as it is."""
    status = service.get("status", {})
    return bool(status.get("observedGeneration") == service["metadata"]["generation"])


def belongs(item: Manifest) -> str | None:
    """The name of the service that an object is labelled with."""
    name: str | None = item["metadata"].get("labels", {}).get("modelservice.io/name")
    return name


def wanted(service: Manifest) -> int:
    """How many pods a spec asks for."""
    spec = service["spec"]
    return 0 if spec.get("suspend") else int(spec.get("serving", {}).get("replicas", 1))


def answers(pod: Manifest) -> bool:
    """Whether a pod is ready and stays."""
    ready = condition(pod, "Ready").get("status") == "True"
    return ready and "deletionTimestamp" not in pod["metadata"]


def _ready(objects: Objects, name: str) -> bool:
    service = objects.get(("ModelService", name))
    if service is None or not is_current(service):
        return False
    if condition(service, "Ready").get("status") != "True":
        return False
    serving = pods(objects, SERVING, service=name)
    return len(serving) == wanted(service) and all(answers(pod) for pod in serving)
