"""Conditions as Kubernetes writes them: a transition time that only moves with the status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_operator.observed.pods import rfc3339

# Reasons of work under way: nothing is wrong, and the next event changes them.
BUSY = frozenset(
    {
        "Training", "Registering", "Checking", "Starting", "Loading", "RollingOut", "Waiting",
        "Suspended",
    }
)  # fmt: skip
LIMIT = 2000  # characters of a message; the CRD allows more


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it is judged now, before it is compared with the one before."""

    type: str
    status: bool
    reason: str
    message: str


def dated(
    conditions: Iterable[Condition],
    *,
    previous: Iterable[Mapping[str, Any]],
    generation: int,
    now: float,
) -> list[dict[str, Any]]:
    """Conditions for the API; those whose status did not change keep their transition time."""
    before = {item.get("type"): item for item in previous}
    result = []
    for item in sorted(conditions, key=lambda item: item.type):
        status = "True" if item.status else "False"
        old = before.get(item.type, {})
        same = old.get("status") == status and old.get("lastTransitionTime")
        result.append(
            {
                "type": item.type,
                "status": status,
                "reason": item.reason,
                "message": item.message[:LIMIT],
                "lastTransitionTime": old["lastTransitionTime"] if same else rfc3339(now),
                "observedGeneration": generation,
            }
        )
    return result
