"""Plans follow from a trace: which there are, that they are always the same, and which are not."""

from __future__ import annotations

from collections import Counter

import pytest

from e2e.faults.generate import plans
from e2e.faults.plan import Action, Plan
from e2e.faults.record import Request, Trace, WatchEvent
from e2e.faults.subset import subset
from e2e.faults.workload import Workload

NAMES = ("rolls", "serves", "trains")
WORKLOADS = {name: Workload(name, "for tests", ()) for name in NAMES}


def request(verb: str, kind: str, subresource: str = "", *, name: str = "x") -> Request:
    return Request(
        at=0.0,
        ended=0.0,
        process=1,
        verb=verb,
        kind=kind,
        namespace="n",
        name=name,
        subresource=subresource,
        query={},
        body=None,
        status=200,
        told=200,
        answer=None,
    )


def event(kind: str, what: str) -> WatchEvent:
    return WatchEvent(at=0.0, process=1, kind=kind, type=what, object={})


TRACE = Trace(
    requests=[
        request("get", ""),
        request("list", "Pod"),
        request("list", "ModelService"),
        request("watch", "Pod"),
        request("apply", "Deployment"),
        request("create", "Job"),
        request("apply", "ModelService", "status"),
        request("create", "Event"),
        request("apply", "ModelService", "status"),
        request("create", "Event"),
        request("delete", "Job"),
        request("update", "Lease"),
    ],
    events=[
        event("Pod", "ADDED"),
        event("Pod", "MODIFIED"),
        event("Pod", "MODIFIED"),
        event("ModelService", "ADDED"),
    ],
)


@pytest.fixture(scope="module")
def made() -> list[Plan]:
    return plans({"serves": TRACE})


def ids(made: list[Plan], kind: str) -> set[str]:
    return {plan.id.removeprefix("serves/") for plan in made if plan.kind == kind}


def test_ids_are_unique_and_the_same_each_time(made: list[Plan]) -> None:
    assert len({plan.id for plan in made}) == len(made)
    assert plans({"serves": TRACE}) == made


def test_each_write_costs_the_process_its_life_before_and_after(made: list[Plan]) -> None:
    writes = {
        "apply-Deployment-1",
        "create-Job-1",
        "apply-ModelService-status-1",
        "apply-ModelService-status-2",
        "create-Event-1",
        "delete-Job-1",
    }
    wanted = {f"kill/kill-{when}-{write}" for write in writes for when in ("before", "after")}
    assert ids(made, "kill") == wanted


@pytest.mark.parametrize(
    ("impossible", "possible"),
    [
        ("404-apply-Deployment-1-once", "404-apply-ModelService-status-1-once"),
        ("404-create-Job-1-once", "404-delete-Job-1-once"),
        ("404-list-Pod-1-once", "404-list-ModelService-1-once"),
        ("409-list-Pod-1-once", "409-create-Job-1-once"),
        ("410-apply-Deployment-1-once", "410-list-Pod-1-once"),
        ("422-delete-Job-1-once", "422-create-Job-1-once"),
    ],
)
def test_what_the_api_server_never_says_is_left_out(
    made: list[Plan], impossible: str, possible: str
) -> None:
    answers = ids(made, "answer")
    assert f"answer/{possible}" in answers
    assert f"answer/{impossible}" not in answers


def test_only_writes_have_answers_to_lose(made: list[Plan]) -> None:
    after = {Action.RESET_AFTER, Action.HANG_AFTER, Action.ANSWER_AFTER}
    for plan in made:
        for fault in plan.faults:
            if fault.action in after:
                assert fault.match.verb in {"apply", "create", "delete"}, plan


def test_the_last_event_of_a_kind_is_lost_too(made: list[Plan]) -> None:
    watch = ids(made, "watch")
    assert {"watch/drop-Pod-modified-1", "watch/drop-Pod-modified-2"} <= watch
    assert "watch/drop-Pod-added-1" in watch


def test_the_lease_is_touched_by_nobody(made: list[Plan]) -> None:
    assert not [plan for plan in made for fault in plan.faults if fault.match.kind == "Lease"]


def test_what_comes_before_the_first_event_is_tried_in_one_workload() -> None:
    both = plans({"serves": TRACE, "rolls": TRACE})
    lists = Counter(
        plan.workload
        for plan in both
        for fault in plan.faults
        if fault.match.kind == "Pod" and fault.match.verb == "list"
    )
    assert set(lists) == {"serves"}


def placed(made: list[Plan], kind: str, *, workload: str) -> Counter[int]:
    """How many plans of answers and lost answers strike the nth request of a kind."""
    return Counter(
        fault.nth
        for plan in made
        if plan.workload == workload and plan.kind in {"answer", "connection", "lost answer"}
        for fault in plan.faults
        if fault.match.kind == kind and fault.match.verb == "apply"
    )


def test_each_error_is_tried_where_an_object_is_in_another_state() -> None:
    """The second write of a first object, and the first of a second one, are places of their own;
    a fourth write is like the third, a third object like the second."""
    applies = [request("apply", "Deployment", name=name) for name in "aabaac"]
    made = plans({"rolls": Trace(requests=applies)})
    found = placed(made, "Deployment", workload="rolls")
    assert found.keys() == {1, 2, 3, 4}
    assert len(set(found.values())) == 1
    assert found[1] > 10


def test_a_place_is_tried_with_every_error_in_one_workload_and_with_one_in_others() -> None:
    both = plans({"serves": TRACE, "rolls": TRACE})
    assert placed(both, "Deployment", workload="serves")[1] > 10
    assert placed(both, "Deployment", workload="rolls") == {1: 1}


def test_every_workload_loses_lives_leaders_and_events_everywhere() -> None:
    both = plans({"serves": TRACE, "rolls": TRACE})
    for kind in ("kill", "stale restart"):
        first, second = (
            {plan.id.partition("/")[2] for plan in both if plan.kind == kind and plan.workload == w}
            for w in ("serves", "rolls")
        )
        assert first == second
    for name in ("serves", "rolls"):
        found = {plan.id.partition("/")[2] for plan in both if plan.workload == name}
        assert {"leaders/pause-before-create-Job-1", "watch/drop-Pod-modified-2"} <= found


def test_leaders_come_in_pairs(made: list[Plan]) -> None:
    assert {plan.operators for plan in made if plan.kind == "leaders"} == {2}
    assert {plan.operators for plan in made if plan.kind != "leaders"} == {1}


def test_the_subset_is_spread(made: list[Plan]) -> None:
    """Every class, every workload, and each class in more than one of them."""
    several = plans(dict.fromkeys(NAMES, TRACE))
    chosen = subset(several, workloads=WORKLOADS, size=60)
    assert len(chosen) == 60
    assert {plan.kind for plan in chosen} == {plan.kind for plan in several}
    assert Counter(plan.workload for plan in chosen).keys() == set(NAMES)
    kills = {plan.workload for plan in chosen if plan.kind == "kill"}
    assert kills == set(NAMES)
    assert subset(several, workloads=WORKLOADS, size=60) == chosen


def test_little_of_the_subset_waits_for_time_outs() -> None:
    several = plans(dict.fromkeys(NAMES, TRACE))
    chosen = subset(several, workloads=WORKLOADS, size=100)
    waiting = [
        plan
        for plan in chosen
        if any(fault.action in {Action.HANG_BEFORE, Action.HANG_AFTER} for fault in plan.faults)
    ]
    assert len(waiting) <= 10
