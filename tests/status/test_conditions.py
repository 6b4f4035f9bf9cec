"""Conditions move their time with their status, and only then."""

from __future__ import annotations

from modelservice_operator.observed.pods import rfc3339
from modelservice_operator.status.conditions import Condition, dated
from modelservice_operator.status.transitions import Transition, transitions

READY = Condition("Ready", True, "Serving", "Served.")
LOADING = Condition("Ready", False, "Loading", "Pods load.")


def test_the_transition_time_stays_while_the_status_stays() -> None:
    first = dated([LOADING], previous=[], generation=1, now=100.0)
    worse = Condition("Ready", False, "SourceNotFound", "Nothing there.")
    second = dated([worse], previous=first, generation=2, now=200.0)
    assert second[0]["lastTransitionTime"] == rfc3339(100.0)
    assert second[0]["reason"] == "SourceNotFound"
    third = dated([READY], previous=second, generation=2, now=300.0)
    assert third[0]["lastTransitionTime"] == rfc3339(300.0)


def _status(*conditions: Condition) -> dict[str, object]:
    return {"conditions": dated(conditions, previous=[], generation=1, now=0.0)}


def test_events_tell_transitions_and_nothing_twice() -> None:
    loading, ready = _status(LOADING), _status(READY)
    assert transitions(before=loading, after=ready) == (Transition("Normal", "Serving", "Served."),)
    assert transitions(before=ready, after=ready) == ()
    stuck = Condition("Stalled", True, "TensorMismatch", "Input x is FP64.")
    broken = Condition("Ready", False, "TensorMismatch", "Input x is FP64.")
    assert transitions(before=ready, after=_status(stuck, broken)) == (
        Transition("Warning", "TensorMismatch", "Input x is FP64."),
    )


def test_work_under_way_is_no_warning() -> None:
    (event,) = transitions(before=_status(READY), after=_status(LOADING))
    assert event.type == "Normal"


def test_the_first_event_tells_what_came_of_a_new_service() -> None:
    """The harm: an Event a service that says no more than that there is one."""
    assert transitions(before={}, after=_status(LOADING)) == ()
    stuck = Condition("Ready", False, "SourceNotFound", "Nothing there.")
    (event,) = transitions(before={}, after=_status(stuck))
    assert event == Transition("Warning", "SourceNotFound", "Nothing there.")
