"""What is written at once, and what waits until the last write is some seconds old."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelservice_operator.status.pace import PACE, pause

NOW = 1_800_000_000.0
Status = dict[str, Any]


def condition(kind: str, status: str, reason: str, message: str = "So it is.") -> Status:
    return {"type": kind, "status": status, "reason": reason, "message": message}


BEFORE: Status = {
    "observedGeneration": 3,
    "url": "http://svc.default.svc:8000",
    "revision": "svc-1",
    "replicas": 1,
    "readyReplicas": 0,
    "models": [{"name": "m", "version": 1, "digest": "sha256:a", "loadedReplicas": 0}],
    "conditions": [
        condition("Available", "False", "Starting"),
        condition("ModelsLoaded", "False", "Starting"),
        condition("Ready", "False", "Starting"),
        condition("Reconciling", "True", "Starting"),
    ],
    "training": [{"model": "t", "run": "r", "phase": "Training", "epoch": 1, "loss": "0.5"}],
}


def waits(change: Callable[[Status], Any], *, age: float = 4.0) -> float:
    after = copy.deepcopy(BEFORE)
    change(after)
    return pause(before=BEFORE, after=after, written=NOW - age, now=NOW)


def reason(status: Status, kind: str, text: str) -> None:
    next(item for item in status["conditions"] if item["type"] == kind)["reason"] = text


@pytest.mark.parametrize(
    "change",
    [
        lambda status: status.update(replicas=2, readyReplicas=1),
        lambda status: status["models"][0].update(loadedReplicas=1),
        lambda status: status["models"][0].update(inputs=[{"name": "x"}]),
        lambda status: reason(status, "Ready", "Loading"),
        lambda status: status["conditions"][2].update(message="Another step."),
        lambda status: status["conditions"][1].update(status="True", reason="Loaded"),
        lambda status: status["conditions"].append(condition("Scaling", "True", "Active")),
        lambda status: status.update(revision="svc-2", version="2", selector="b"),
        lambda status: status["models"][0].update(version=2, digest="sha256:b"),
        lambda status: status["training"][0].update(epoch=2, loss="0.4", phase="Exporting"),
        lambda status: status.update(training=[{**status["training"][0], "eta": "5s"}]),
    ],
)
def test_mere_progress_waits_until_the_last_write_is_old(change: Callable[[Status], Any]) -> None:
    assert waits(change) == pytest.approx(PACE - 4.0)
    assert waits(change, age=PACE) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda status: status.update(observedGeneration=4),
        lambda status: status.update(rollout={"revision": "svc-2", "strategy": "Surge"}),
        lambda status: status["conditions"].append(condition("Scaling", "False", "FailedGet")),
        lambda status: status["conditions"][0].update(status="True", reason="Serving"),
        lambda status: status["conditions"].pop(),
        lambda status: status["conditions"].append(condition("Stalled", "True", "Crashed")),
        lambda status: reason(status, "Ready", "Unschedulable"),
        lambda status: status["training"][0].update(phase="Failed"),
        lambda status: status["training"][0].update(reason="SecretMissing"),
        lambda status: status["training"][0].update(version=1, phase="Succeeded"),
    ],
)
def test_news_is_told_at_once(change: Callable[[Status], Any]) -> None:
    assert waits(change, age=0.0) == 0


def test_what_ails_a_service_is_told_anew_when_it_says_something_else() -> None:
    before = {"conditions": [condition("Ready", "False", "Crashing", "Exit code 1.")]}
    after = {"conditions": [condition("Ready", "False", "Crashing", "Exit code 2.")]}
    assert pause(before=before, after=after, written=NOW, now=NOW) == 0


def test_the_first_status_is_told_at_once() -> None:
    assert pause(before={}, after=BEFORE, written=None, now=NOW) == 0
    assert pause(before={}, after=BEFORE, written=NOW, now=NOW) == 0


def test_a_clock_that_is_ahead_holds_nothing_back() -> None:
    """The harm: an API server an hour ahead would freeze every status for an hour."""
    assert waits(lambda status: status.update(replicas=2), age=-3600.0) == 0


def test_a_rollout_is_told_when_it_begins_and_when_it_turns_but_not_when_it_ends() -> None:
    """The harm: an update took three writes, the second a moment before the third."""
    surge, replace = (
        {"revision": "r", "strategy": "Surge"},
        {"revision": "r", "strategy": "Replace"},
    )
    steps: list[tuple[Status, Status, bool]] = [
        ({}, {"rollout": surge}, True),
        ({"rollout": surge}, {"rollout": replace}, True),
        ({"rollout": surge}, {"rollout": surge, "replicas": 2}, False),
        ({"rollout": surge}, {}, False),
    ]
    for before, after, told in steps:
        assert (pause(before=before, after=after, written=NOW, now=NOW) == 0) is told
