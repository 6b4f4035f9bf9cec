"""floor, pods_kept, order: what must be true of the pods at every moment."""

from __future__ import annotations

import pytest

from e2e.faults.oracles import floor, order, pods_kept
from tests.faults.told import LABELS, Told, deployment, owner, pod, record, service, thing

LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def serving(*, workload: str = "serves") -> Told:
    """Two pods that are ready."""
    return Told(workload=workload).added(service(), pod("a"), pod("b"))


def test_pods_that_come_one_by_one_are_no_loss() -> None:
    told = Told().added(service(), pod("a", ready=False), pod("b", ready=False))
    told.modified(pod("a")).modified(pod("b"))
    assert floor.check(told.run, told.run) == []


@pytest.mark.parametrize("lost", ["unready", "leaving", "gone"])
def test_a_pod_less_than_wanted_is_told(lost: str) -> None:
    told = serving()
    match lost:
        case "unready":
            told.modified(pod("a", ready=False))
        case "leaving":
            told.modified(pod("a", **LEAVING))
        case "gone":
            told.deleted(pod("a"))
    (line,) = floor.check(told.run, told.run)
    assert "1 ready pods and not 2" in line


def test_an_old_pod_may_go_when_a_new_one_is_ready() -> None:
    told = serving().modified(service(generation=2)).added(pod("c")).modified(pod("a", **LEAVING))
    assert floor.check(told.run, told.run) == []


def test_a_smaller_size_counts_at_once() -> None:
    fewer = service(generation=2, spec={"serving": {"replicas": 1}})
    told = serving().modified(fewer).modified(pod("a", **LEAVING))
    assert floor.check(told.run, told.run) == []


def test_a_suspended_or_deleted_service_has_no_floor() -> None:
    suspended = serving().modified(service(generation=2, spec={"suspend": True}))
    deleted = serving().deleted(service())
    for told in (suspended, deleted):
        told.deleted(pod("a"), pod("b"))
        assert floor.check(told.run, told.run) == []


def test_a_replacement_may_take_one_pod_first_and_not_two() -> None:
    replace = {"rollout": {"strategy": "Replace"}}
    told = Told().added(service(spec=replace), pod("a"), pod("b")).deleted(pod("a"))
    assert floor.check(told.run, told.run) == []
    assert floor.check(told.deleted(pod("b")).run, told.run)


def test_pods_of_a_service_of_the_same_name_do_not_count() -> None:
    told = serving().deleted(service()).added(service(uid="another"), pod("c", uid="another"))
    told.added(pod("d", uid="another")).deleted(pod("a"), pod("b"))
    assert floor.check(told.run, told.run) == []


def test_what_the_user_takes_away_himself_is_his_own_doing() -> None:
    told = serving(workload="altered_deployment_deleted").step("deleted")
    told.deleted(pod("a"), pod("b")).added(pod("c"), pod("d"))
    # his second thought, before the first has had all of its effects
    told.deleted(pod("c"), pod("d")).added(pod("e"), pod("f"), pod("g"), pod("h")).over()
    assert floor.check(told.run, told.run) == []
    told.added(pod("i"), pod("j"))
    assert floor.check(told.deleted(pod("e"), pod("f"), pod("g"), pod("h")).run, told.run) == []
    assert floor.check(told.deleted(pod("i")).run, told.run)


def test_a_pod_more_than_usual_was_restarted_for_nothing() -> None:
    usual = serving().run
    restarted = serving().deleted(pod("a")).added(pod("c")).run
    assert pods_kept.check(usual, usual) == []
    (line,) = pods_kept.check(restarted, usual)
    assert "3 serving pods of digits" in line


def test_pods_are_made_after_what_they_mount() -> None:
    mounts = {"spec": {"volumes": [{"name": "config", "configMap": {"name": "digits-r1"}}]}}
    maker = deployment("r1")
    maker["spec"]["template"] = mounts
    config = thing("ConfigMap", "digits-r1", labels=LABELS, owner=owner())
    good = Told().added(config, record("r1"), maker).run
    assert order.check(good, good) == []
    bad = Told().added(maker, config, record("r1")).run
    assert order.check(bad, bad) == [
        "Deployment digits-r1 was made before ConfigMap digits-r1",
        "Deployment digits-r1 was made before ControllerRevision digits-r1",
    ]
