"""foreign, deletion, fenced, bounded, quiet, acted: what the operator may write, and when."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.faults.oracles import acted, bounded, deletion, fenced, foreign, quiet
from e2e.faults.record import Manifest
from tests.faults.told import LABELS, Told, deployment, owner, service, thing

CONFIG = thing("ConfigMap", "digits-r1", labels=LABELS, owner=owner())
ORPHAN = thing("ConfigMap", "digits-r1", labels=LABELS)
TAKEN = thing("ConfigMap", "digits-r1", labels=LABELS, owner=owner("another"))


def told_by(check: Any, told: Told) -> list[str]:
    found: list[str] = check(told.run, told.run)
    return found


def status(generation: int, *, uid: str = "uid-of-digits") -> Manifest:
    return service(generation=generation, uid=uid, status={"observedGeneration": generation})


# ---- foreign


def test_its_own_children_may_be_made_changed_and_deleted() -> None:
    told = Told().asks("apply", CONFIG).added(CONFIG).asks("apply", CONFIG)
    uid = CONFIG["metadata"]["uid"]
    told.asks("delete", CONFIG, body={"preconditions": {"uid": uid}})
    told.asks("apply", status(1), subresource="status")
    assert told_by(foreign.check, told) == []


@pytest.mark.parametrize(
    ("before", "body", "says"),
    [
        (ORPHAN, CONFIG, "applied over an object that no ModelService controls"),
        (TAKEN, CONFIG, "applied for another ModelService"),
    ],
)
def test_it_applies_over_nothing_of_others(before: Manifest, body: Manifest, says: str) -> None:
    told = Told().added(before).asks("apply", before, body=body)
    assert any(says in line for line in told_by(foreign.check, told))


def test_it_takes_no_child_from_another_service() -> None:
    told = Told().added(TAKEN).asks("apply", CONFIG)
    assert any("taken from the ModelService" in line for line in told_by(foreign.check, told))


def test_it_makes_nothing_without_an_owner() -> None:
    assert "made without an owner" in told_by(foreign.check, Told().asks("apply", ORPHAN))[0]


def test_it_deletes_nothing_of_others_and_nothing_by_name() -> None:
    uid = ORPHAN["metadata"]["uid"]
    told = Told().added(ORPHAN).asks("delete", ORPHAN, body={"preconditions": {"uid": uid}})
    assert "deleted although" in told_by(foreign.check, told)[0]
    told = Told().added(CONFIG).asks("delete", CONFIG, body={})
    assert "deleted by its name" in told_by(foreign.check, told)[0]


@pytest.mark.parametrize("verb", ["apply", "patch", "update", "delete"])
def test_it_writes_no_more_of_a_service_than_the_status(verb: str) -> None:
    assert "more than the status" in told_by(foreign.check, Told().asks(verb, service()))[0]


# ---- deletion


def test_what_comes_long_after_a_deletion_was_seen_is_told() -> None:
    told = Told().added(service()).asks("apply", CONFIG).sees("DELETED", service())
    assert told_by(deletion.check, told) == []
    told.passes(1.0).asks("apply", CONFIG)
    assert "after its ModelService was seen to go" in told_by(deletion.check, told)[0]


def test_a_service_on_its_way_out_is_as_good_as_gone() -> None:
    leaving = service(deletionTimestamp="2026-01-01T00:00:00Z")
    told = Told().sees("MODIFIED", leaving).passes(1.0).asks("create", CONFIG)
    assert told_by(deletion.check, told)


def test_another_process_and_a_lost_event_know_of_nothing() -> None:
    told = Told().sees("DELETED", service()).passes(1.0).asks("apply", CONFIG, process=2)
    assert told_by(deletion.check, told) == []
    told = Told().sees("DELETED", service(), fault="drop").passes(1.0).asks("apply", CONFIG)
    assert told_by(deletion.check, told) == []


# ---- fenced


def claim(told: Told, process: int) -> Told:
    lease = thing("Lease", "operator")
    body = {"spec": {"holderIdentity": f"replica-{process}"}}
    return told.asks("update", lease, process=process, body=body)


def test_the_one_that_lost_the_lease_writes_no_more() -> None:
    told = claim(Told(), 1).asks("apply", CONFIG)
    claim(told, 2).asks("get", CONFIG)
    assert told_by(fenced.check, told) == []
    told.asks("apply", CONFIG)
    assert "after another replica had the lease" in told_by(fenced.check, told)[0]


def test_what_was_begun_beside_the_last_write_may_still_come() -> None:
    told = claim(Told(), 1).asks("apply", CONFIG)
    at = claim(told, 2).now() + 1.0
    for late in range(3):
        told.asks("apply", CONFIG, at=at + late / 100, ended=at + 0.005)
    assert told_by(fenced.check, told) == []
    told.asks("apply", deployment("r1"), at=at + 0.01, ended=at + 0.02)
    assert "apply Deployment" in told_by(fenced.check, told)[0]


# ---- bounded


def test_as_many_writes_as_usual_and_some_more_are_fine_and_many_more_are_not() -> None:
    usual, more, many = Told(), Told(), Told()
    for told, count in ((usual, 10), (more, 20), (many, 40)):
        for _ in range(count):
            told.asks("apply", CONFIG)
    assert bounded.check(more.run, usual.run) == []
    assert "40 writes" in bounded.check(many.run, usual.run)[0]


def test_attempts_that_fail_without_a_pause_are_told() -> None:
    patient, hasty = Told(), Told()
    for _ in range(6):
        patient.passes(0.5).asks("apply", CONFIG, status=500)
        hasty.asks("apply", CONFIG, status=500)
    assert told_by(bounded.check, patient) == []
    assert "within a second" in told_by(bounded.check, hasty)[0]


# ---- quiet


def test_a_write_in_the_quiet_is_told_and_a_list_is_not() -> None:
    told = Told().asks("apply", CONFIG)
    told.run.quiet = (told.now() + 0.05, told.now() + 3.0)
    told.asks("list", CONFIG).asks("watch", CONFIG).asks("update", thing("Lease", "operator"))
    assert told_by(quiet.check, told) == []
    told.asks("create", thing("Event", "digits.1"))
    assert "written while nothing happened" in told_by(quiet.check, told)[0]


def test_reading_the_same_again_and_again_is_told() -> None:
    told = Told()
    told.run.quiet = (0.0, 3.0)
    for _ in range(5):
        told.asks("get", CONFIG)
    assert told_by(quiet.check, told) == ["5 reads while nothing happened"]


# ---- acted


def test_the_status_of_a_generation_follows_the_first_child() -> None:
    child = deployment("r2")
    good = Told().added(service(generation=2)).asks("apply", child)
    good.asks("apply", status(2), subresource="status")
    assert told_by(acted.check, good) == []
    bad = Told().added(service(generation=2))
    bad.asks("apply", status(2), subresource="status", ended=0.35).asks("apply", child)
    bad.asks("apply", status(2), subresource="status")
    assert "generation 2 was told before it was acted on" in told_by(acted.check, bad)[0]


def test_what_a_later_generation_brings_is_not_late_for_this_one() -> None:
    """A process that began when all was right told generation 2, just as the user wrote 3."""
    told = Told().added(service(generation=2))
    told.asks("apply", status(2), subresource="status", ended=0.35)
    told.added(service(generation=3)).asks("apply", deployment("r3"))
    told.asks("apply", status(3), subresource="status")
    assert told_by(acted.check, told) == []


def test_a_generation_that_changes_no_child_may_be_told_at_once() -> None:
    told = Told().added(service(generation=2))
    told.asks("apply", status(2), subresource="status").passes(5.0).asks("apply", CONFIG)
    assert told_by(acted.check, told) == []
