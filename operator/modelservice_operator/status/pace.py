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
# Their truth follows pods; what matters of it shows in Ready too. Only what ails them is news.
_QUIET: Final = frozenset({"ModelsLoaded", "GPUScheduled", "Scaling"})
_TRAINING: Final = ("model", "run", "version", "reason", "message")
_FINAL: Final = frozenset({"Succeeded", "Failed", "Suspended"})


def pause(
    *, before: Mapping[str, Any], after: Mapping[str, Any], written: float | None, now: float
) -> float:
    """Seconds until `after` is to replace `before`, which was `written` then; 0 means now.

    `written` comes from the API server's clock. Where that is ahead of ours, or unknown, nothing is
    held back: the worst that clocks can do is one more write.
    """
    if written is None or not 0.0 <= now - written < PACE:
        return 0.0
    # a rollout is news when it begins or turns; its end shows in Ready, once old pods are gone
    begun = _rollout(after) not in {None, _rollout(before)}
    return 0.0 if begun or _news(before) != _news(after) else written + PACE - now


def _news(status: Mapping[str, Any]) -> list[Any]:
    """The part of a status whose every change is told at once.

    Not in it are what serves (revision, version, selector) and the counts: they change on the way
    to Ready, and are told with it.
    """
    verdicts = [_verdict(item) for item in status.get("conditions", ())]
    return [
        status.get("observedGeneration"),
        [verdict for verdict in verdicts if verdict is not None],
        [_training(item) for item in status.get("training", ())],
    ]


def _verdict(condition: Mapping[str, Any]) -> tuple[str, ...] | None:
    kind, truth, reason = condition["type"], condition["status"], condition["reason"]
    calm = reason in BUSY or (kind in _QUIET and truth == "True")
    if calm:
        return None if kind in _QUIET else (kind, truth)
    return (kind, truth, reason, condition["message"])


def _rollout(status: Mapping[str, Any]) -> tuple[str, str] | None:
    rollout = status.get("rollout")
    return (rollout["revision"], rollout["strategy"]) if rollout else None


def _training(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    phase = entry.get("phase")
    return (phase if phase in _FINAL else "", *(entry.get(key) for key in _TRAINING))
