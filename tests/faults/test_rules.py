"""Which request a fault strikes: the one that it names, as often as it says, and no other."""

from __future__ import annotations

from e2e.faults.plan import Action, Fault, Match
from e2e.faults.rules import Rules


def seen(
    kind: str = "Pod", *, verb: str = "apply", event: str = "", process: int = 1, **more: str
) -> Match:
    return Match(
        verb=verb,
        kind=kind,
        type=event,
        process=process,
        name=more.get("name", "a"),
        subresource=more.get("subresource", ""),
    )


def struck(rules: Rules, *requests: Match) -> list[bool]:
    return [bool(rules.request(request)) for request in requests]


def test_the_nth_and_those_after_it() -> None:
    match = Match(verb="apply", kind="Pod")
    rules = Rules([Fault(action=Action.CUT, match=match, nth=2, times=2)])
    requests = [seen(), seen("Job"), seen(verb="create"), seen(), seen(), seen()]
    assert struck(rules, *requests) == [False, False, False, True, True, False]
    assert rules.fired == [2]


def test_one_process_of_a_plan() -> None:
    rules = Rules([Fault(action=Action.CUT, match=Match(process=2))])
    assert struck(rules, seen(), seen(process=2), seen(process=2)) == [False, True, False]


def test_an_object_is_not_its_status() -> None:
    rules = Rules([Fault(action=Action.CUT, match=Match(kind="Pod", subresource=""))])
    assert struck(rules, seen(subresource="status"), seen()) == [False, True]


def test_names_are_patterns() -> None:
    rules = Rules([Fault(action=Action.CUT, match=Match(name="digits-*"), times=9)])
    assert struck(rules, seen(name="digits-1"), seen(name="digits")) == [True, False]


def test_each_fault_counts_for_itself() -> None:
    """The first of all, and the second of one kind, are the same request here."""
    first = Fault(action=Action.DELAY, match=Match(), nth=2)
    second = Fault(action=Action.CUT, match=Match(kind="Job"))
    rules = Rules([first, second])
    assert rules.request(seen()) == []
    assert rules.request(seen("Job")) == [first, second]


def test_faults_of_events_leave_requests_alone() -> None:
    fault = Fault(action=Action.DROP, match=Match(type="DELETED"))
    rules = Rules([fault])
    assert rules.request(seen(verb="watch")) == []
    assert rules.event(seen(verb="watch", event="ADDED")) == []
    assert rules.event(seen(verb="watch", event="DELETED")) == [fault]
