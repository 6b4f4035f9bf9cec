"""The store: what it keeps, what it tells, and what must not fool it."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.controller.store import GONE_LIMIT, Store
from modelservice_operator.view import Key

KEY = Key("default", "digits")
Manifest = dict[str, Any]


@pytest.fixture
def store() -> Store:
    return Store()


def service(uid: str = "s1", *, version: str = "10", name: str = "digits", **more: Any) -> Manifest:
    metadata = {"name": name, "namespace": "default", "uid": uid, "resourceVersion": version}
    return {"metadata": metadata, "spec": {"models": []}, **more}


def child(
    uid: str = "c1",
    *,
    version: str = "20",
    owner: str | None = "s1",
    name: str = "digits",
    value: str = "1",
) -> Manifest:
    metadata: Manifest = {
        "name": name,
        "namespace": "default",
        "uid": uid,
        "resourceVersion": version,
        "managedFields": [
            {
                "manager": "modelservice-operator",
                "operation": "Apply",
                "fieldsV1": {"f:data": {"f:a": {}}},
            }
        ],
    }
    if owner is not None:
        metadata["ownerReferences"] = [
            {"kind": "ModelService", "name": "digits", "uid": owner, "controller": True}
        ]
    return {"metadata": metadata, "data": {"a": value}}


def pod(uid: str = "p1", *, phase: str = "Running", component: str = "training") -> Manifest:
    return {
        "metadata": {
            "name": uid,
            "namespace": "default",
            "uid": uid,
            "resourceVersion": "30",
            "labels": {
                "modelservice.io/name": "digits",
                "modelservice.io/service-uid": "s1",
                "modelservice.io/component": component,
            },
        },
        "status": {"phase": phase, "podIP": "10.0.0.1"},
    }


def version(uid: str = "v1") -> Manifest:
    return {
        "metadata": {
            "name": "digits-digits-1",
            "namespace": "default",
            "uid": uid,
            "resourceVersion": "40",
            "labels": {"modelservice.io/name": "digits"},
        },
        "spec": {"version": 1},
    }


def test_a_view_has_all_that_belongs_to_the_service(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    store.put("Pod", pod())
    store.put("ModelVersion", version())
    store.put("ModelService", service("s2", name="other"))
    store.put("ConfigMap", child("c2", owner="s2"))

    view = store.view(KEY)

    assert view.service is not None
    assert view.service["metadata"]["resourceVersion"] == "10"
    assert list(view.children) == [("ConfigMap", "digits")]
    assert view.children["ConfigMap", "digits"].owned == {"data": {"a": "1"}}
    assert [item["metadata"]["uid"] for item in view.pods] == ["p1"]
    assert [item["spec"]["version"] for item in view.versions] == [1]


def test_of_an_unknown_service_the_view_is_empty(store: Store) -> None:
    assert store.view(KEY).service is None


def test_children_may_come_before_their_service(store: Store) -> None:
    assert store.put("ConfigMap", child()) == KEY
    store.put("ModelService", service())

    assert len(store.view(KEY).children) == 1


def test_only_what_decisions_read_is_a_change(store: Store) -> None:
    assert store.put("ConfigMap", child()) == KEY
    annotated = child(version="21")
    annotated["metadata"]["annotations"] = {"note": "x"}

    assert store.put("ConfigMap", annotated) is None
    assert store.put("ConfigMap", child(version="22", value="2")) == KEY


def test_an_older_version_never_replaces_a_newer_one(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child(version="100", value="new"))

    assert store.put("ConfigMap", child(version="99", value="old")) is None
    assert store.view(KEY).children["ConfigMap", "digits"].owned == {"data": {"a": "new"}}


def test_versions_are_numbers_where_they_look_like_numbers(store: Store) -> None:
    store.put("ConfigMap", child(version="9", value="old"))

    assert store.put("ConfigMap", child(version="10", value="new")) == KEY


def test_what_is_gone_stays_gone(store: Store) -> None:
    """A late answer, or a page of a list from before, must not bring a deleted child back."""
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    assert store.forget("c1") == KEY

    assert store.put("ConfigMap", child(version="21")) is None
    assert store.view(KEY).children == {}


def test_the_memory_of_what_is_gone_is_bounded(store: Store) -> None:
    for number in range(GONE_LIMIT + 10):
        store.forget(f"u{number}")

    assert store.put("ConfigMap", child("u0")) == KEY
    assert store.put("ConfigMap", child("u20")) is None


def test_a_service_made_again_has_nothing_of_the_old_one(store: Store) -> None:
    store.put("ModelService", service("s1", status={"url": "http://old"}))
    store.put("ConfigMap", child())
    store.put("Pod", pod())

    store.put("ModelService", service("s2", version="50"))
    store.forget("s1")  # its deletion may come later than the creation that followed

    view = store.view(KEY)
    assert view.service is not None
    assert view.service["metadata"]["uid"] == "s2"
    assert view.service["status"] == {}
    assert view.children == {}
    assert view.pods == ()


def test_a_child_made_again_takes_the_place_of_the_old_one(store: Store) -> None:
    """Its deletion was missed: a name is held by one object."""
    store.put("ModelService", service())
    store.put("ConfigMap", child("c1", value="old"))
    store.put("ConfigMap", child("c2", version="50", value="new"))

    assert store.view(KEY).children["ConfigMap", "digits"].uid == "c2"
    assert store.size == 2


def test_an_orphaned_child_is_let_go_and_its_service_hears_of_it(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child())

    assert store.put("ConfigMap", child(version="21", owner=None)) == KEY
    assert store.view(KEY).children == {}
    assert store.put("ConfigMap", child(version="22")) == KEY
    assert len(store.view(KEY).children) == 1


def test_others_objects_are_not_kept(store: Store) -> None:
    assert store.put("ConfigMap", child(owner=None)) is None
    stranger = child()
    stranger["metadata"]["ownerReferences"][0]["kind"] = "Deployment"
    assert store.put("ConfigMap", stranger) is None
    unlabelled = pod()
    del unlabelled["metadata"]["labels"]["modelservice.io/service-uid"]
    assert store.put("Pod", unlabelled) is None
    assert store.size == 0


def test_missing_are_those_that_the_list_should_have_had(store: Store) -> None:
    store.put("ConfigMap", child("seen", version="10", name="a"))
    store.put("ConfigMap", child("gone", version="11", name="b"))
    store.put("ConfigMap", child("younger than the list", version="13", name="c"))
    store.put("Service", child("another kind", version="1", name="d"))

    assert store.missing("ConfigMap", seen={"seen"}, version="12") == ["gone"]


def test_what_was_accepted_is_told_until_the_child_is_gone(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    store.accept("c1", wanted="w", owned="o")
    assert store.view(KEY).children["ConfigMap", "digits"].accepted == ("w", "o")

    store.forget("c1")

    assert store.accepted("c1") is None


@pytest.mark.parametrize(
    ("phase", "component", "asked"),
    [
        ("Running", "training", True),
        ("Running", "check", True),
        ("Running", "serving", False),
        ("Pending", "training", False),
        ("Succeeded", "training", False),
    ],
)
def test_running_jobs_are_asked_for_progress(
    store: Store, phase: str, component: str, asked: bool
) -> None:
    store.put("Pod", pod(phase=phase, component=component))

    assert [probe.uid for probe in store.probes()] == (["p1"] if asked else [])


def test_progress_is_news_once_and_outlives_the_run(store: Store) -> None:
    store.put("ModelService", service())
    store.put("Pod", pod())

    assert store.put_progress("p1", {"epoch": 1}) == KEY
    assert store.put_progress("p1", {"epoch": 1}) is None
    assert store.put_progress("unknown", {"epoch": 1}) is None
    ended = pod(phase="Succeeded")
    ended["metadata"]["resourceVersion"] = "31"
    store.put("Pod", ended)
    assert store.view(KEY).progress == {"p1": {"epoch": 1}}

    store.forget("p1")
    assert store.view(KEY).progress == {}
