"""What a ModelService's status tells, as short lines: pure, so that only changes are printed."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from e2e.demo.kubectl import Manifest, condition


class End(Enum):
    """Where a service's story ends, as far as its current spec is concerned."""

    READY = "ready"
    STALLED = "stalled"


def end(service: Manifest) -> End | None:
    """None while the operator works on the current spec or has not seen it yet."""
    status = service.get("status", {})
    if status.get("observedGeneration") != service["metadata"]["generation"]:
        return None
    if condition(service, "Ready").get("status") == "True":
        return End.READY
    return End.STALLED if condition(service, "Stalled").get("status") == "True" else None


def facts(service: Manifest) -> dict[str, str]:
    """Subject → what is to be said of it now."""
    return {subject: text for subject, text in _facts(service) if text}


def _facts(service: Manifest) -> Iterator[tuple[str, str]]:
    status = service.get("status", {})
    if not status:
        yield "state", "the operator has not looked at it yet"
    for entry in status.get("training", ()):
        yield f"training {entry['model']}", _training(entry)
    if status.get("version") and status.get("replicas"):
        served = f"version {status['version']}"
        yield "pods", f"{status.get('readyReplicas', 0)} of {status['replicas']} ready, {served}"
    ready = condition(service, "Ready")
    if ready:
        word = "Ready" if ready["status"] == "True" else ready["reason"]
        yield "state", f"{word}: {ready['message']}"
    failed = condition(service, "TrainingComplete")
    if failed.get("status") == "False" and failed.get("reason") != ready.get("reason"):
        yield "training", f"{failed['reason']}: {failed['message']}"


def _training(entry: Mapping[str, Any]) -> str:
    parts = [str(entry["phase"])]
    if "version" in entry:
        parts = [f"version {entry['version']} is registered"]
    elif entry.get("epoch"):
        parts = [f"epoch {entry['epoch']}/{entry['epochs']}"]
    parts += [f"loss {entry['loss']}"] if "loss" in entry else []
    parts += [f"{name} {value}" for name, value in sorted(entry.get("metrics", {}).items())]
    parts += [f"{entry['eta']} to go"] if "eta" in entry else []
    return ", ".join(parts)
