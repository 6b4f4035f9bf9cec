"""Events: only where a condition changes its status or its reason, never for a repetition.

That a new service is being worked on goes without saying: its first event tells what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelservice_operator.status.conditions import BUSY

# what is worth telling: the rest is told by these
_TOLD = ("Stalled", "Ready", "TrainingComplete", "GPUScheduled", "Scaling")
_GOOD_WHEN_TRUE = {"Ready", "TrainingComplete", "GPUScheduled", "Scaling"}


@dataclass(frozen=True, slots=True)
class Transition:
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transitions(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Transition, ...]:
    """The events of one status write."""
    old, new = _by_type(before), _by_type(after)
    events: dict[str, Transition] = {}
    for kind in _TOLD:
        item, previous = new.get(kind), old.get(kind, {})
        if item is None or (item["status"], item["reason"]) == (
            previous.get("status"),
            previous.get("reason"),
        ):
            continue
        good = (item["status"] == "True") == (kind in _GOOD_WHEN_TRUE)
        busy = item["reason"] in BUSY
        if busy and not old:
            continue
        calm = good or busy  # work under way is no warning
        # one cause shows in several conditions: it is told once
        events.setdefault(
            item["reason"],
            Transition("Normal" if calm else "Warning", item["reason"], item["message"]),
        )
    return tuple(events.values())


def _by_type(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {item["type"]: item for item in status.get("conditions", ())}
