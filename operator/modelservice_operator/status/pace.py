"""When a changed status is written: news at once, mere progress every ten seconds at most.

Pods are made, placed, pulled, loaded, one after the other; a write for each step would be most of
what a new service costs the API server, and is out of date when it is read. So counts and the words
for work under way wait until the last write is `PACE` seconds old. What was held back and is still
true is written then: the caller comes back after `pause`.

Ten seconds are as often as trainings are asked how far they are, and less than the 15 s after which
an autoscaler looks at `status.replicas` again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelservice_operator.status.conditions import BUSY

PACE: Final = 10.0
_FACTS: Final = ("observedGeneration", "url", "revision", "selector", "version")
_MODEL: Final = ("name", "version", "digest")
_TRAINING: Final = ("model", "run", "version", "reason", "message")
_FINAL: Final = frozenset({"Succeeded", "Failed", "Suspended"})


def pause(
    *, before: Mapping[str, Any], after: Mapping[str, Any], written: float | None, now: float
) -> float:
    """Seconds until `after` is to replace `before`, which was `written` then; 0 means now.

    `written` comes from the API server's clock. Where that is ahead of ours, or unknown, nothing is
    held back: the worst that clocks can do is one more write.
    """
    if written is None or not 0.0 <= now - written < PACE or _news(before) != _news(after):
        return 0.0
    return written + PACE - now


def _news(status: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a status whose every change is told at once."""
    rollout = status.get("rollout") or {}
    return {
        **_pick(status, _FACTS),
        "conditions": [_verdict(item) for item in status.get("conditions", ())],
        "models": [_pick(item, _MODEL) for item in status.get("models", ())],
        "rollout": _pick(rollout, ("revision", "strategy")),
        "training": [_training(item) for item in status.get("training", ())],
    }


def _verdict(condition: Mapping[str, Any]) -> tuple[Any, ...]:
    busy = condition["reason"] in BUSY
    told = () if busy else (condition["reason"], condition["message"])
    return (condition["type"], condition["status"], *told)


def _training(entry: Mapping[str, Any]) -> dict[str, Any]:
    phase = entry.get("phase")
    return {**_pick(entry, _TRAINING), "phase": phase if phase in _FINAL else ""}


def _pick(source: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    return {key: source[key] for key in wanted if key in source}
