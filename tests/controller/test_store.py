"""The store: what it keeps, what it tells, and what must not fool it."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.controller.store import Store
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
        "spec": {"version": 1, "artifact": {"digest": "sha256:0"}},
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
    assert store.put("ConfigMap", child()) == (KEY,)
    store.put("ModelService", service())

    assert len(store.view(KEY).children) == 1


def test_only_what_decisions_read_is_a_change(store: Store) -> None:
    assert store.put("ConfigMap", child()) == (KEY,)
    annotated = child(version="21")
    annotated["metadata"]["annotations"] = {"note": "x"}

    assert store.put("ConfigMap", annotated) == ()
    assert store.put("ConfigMap", child(version="22", value="2")) == (KEY,)


def test_an_older_version_never_replaces_a_newer_one(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child(version="100", value="new"))

    assert store.put("ConfigMap", child(version="99", value="old")) == ()
    assert store.view(KEY).children["ConfigMap", "digits"].owned == {"data": {"a": "new"}}


def test_versions_are_numbers_where_they_look_like_numbers(store: Store) -> None:
    store.put("ConfigMap", child(version="9", value="old"))

    assert store.put("ConfigMap", child(version="10", value="new")) == (KEY,)


def test_what_is_gone_stays_gone(store: Store) -> None:
    """A late answer, or a page of a list from before, must not bring a deleted child back."""
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    assert store.forget("c1") == KEY

    assert store.put("ConfigMap", child(version="21")) == ()
    assert store.view(KEY).children == {}


def test_a_child_that_only_lost_its_label_comes_back(store: Store) -> None:
    """A watch with a selector calls that a deletion; the object lives on under its uid."""
    store.put("ModelService", service())
    store.put("ConfigMap", child(version="20"))
    store.lose("c1", version="30")

    assert store.put("ConfigMap", child(version="30")) == ()
    assert store.put("ConfigMap", child(version="31", value="ours again")) == (KEY,)
    assert store.view(KEY).children["ConfigMap", "digits"].owned == {"data": {"a": "ours again"}}
    assert store.put("ConfigMap", child(version="32", value="and on")) == (KEY,)


def test_a_service_that_a_starting_api_server_denies_comes_back(store: Store) -> None:
    """One 404 of a server that did not serve the kind yet made it forgotten for ever."""
    store.put("ModelService", service())
    store.release("s1")
    assert store.view(KEY).service is None

    assert store.put("ModelService", service(), listed=True) == (KEY,)
    assert store.put("ModelService", service(version="50", status={"url": "x"})) == (KEY,)


def test_a_late_event_does_not_bring_a_service_back_that_is_denied(store: Store) -> None:
    """Its children were made again, for nobody."""
    store.put("ModelService", service())
    store.release("s1")

    assert store.put("ModelService", service(version="50")) == ()


def test_a_service_knows_that_somebody_took_a_child_from_it(store: Store) -> None:
    """It may be the garbage collector, whose reason has not been told yet."""
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    store.put("Pod", pod())
    store.lose("p1", version="90")
    assert not store.view(KEY).bereaved
    store.lose("c1", version="91")
    assert store.view(KEY).bereaved

    store.reassure(namespace="default", uid="s1")
    assert not store.view(KEY).bereaved


def test_a_child_that_we_deleted_ourselves_is_no_loss(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    store.forget("c1")
    store.lose("c1", version="90")

    assert not store.view(KEY).bereaved


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

    assert store.put("ConfigMap", child(version="21", owner=None)) == (KEY,)
    assert store.view(KEY).children == {}
    assert store.put("ConfigMap", child(version="22")) == (KEY,)
    assert len(store.view(KEY).children) == 1


def test_a_child_that_goes_to_another_service_is_told_to_both(store: Store) -> None:
    """The harm: the service that lost it waited for the next sweep to make it again."""
    store.put("ConfigMap", child())
    moved = child(version="21", owner="s2")
    moved["metadata"]["ownerReferences"][0]["name"] = "other"

    assert store.put("ConfigMap", moved) == (KEY, Key("default", "other"))


def test_objects_of_another_namespace_are_nobodys_children_here(store: Store) -> None:
    """The harm: whoever knew a service's uid could give it pods and children from elsewhere."""
    store.put("ModelService", service())
    store.put("ConfigMap", child())
    foreign_child, foreign_pod = child("c2", version="90", value="evil"), pod("p2")
    for item in (foreign_child, foreign_pod):
        item["metadata"]["namespace"] = "elsewhere"
    store.put("ConfigMap", foreign_child)
    store.put("Pod", foreign_pod)

    view = store.view(KEY)

    assert view.children["ConfigMap", "digits"].uid == "c1"
    assert view.pods == ()


def test_the_names_of_all_versions_of_a_namespace_are_known(store: Store) -> None:
    """Also of those that say of no service: their names are taken all the same."""
    stranger, elsewhere = version("v2"), version("v3")
    stranger["metadata"].update(name="hers-1", labels={})
    elsewhere["metadata"].update(name="theirs-1", namespace="elsewhere")
    store.put("ModelService", service())
    store.put("ModelVersion", version())
    assert store.put("ModelVersion", stranger) == ()
    store.put("ModelVersion", elsewhere)

    assert set(store.view(KEY).taken) == {"digits-digits-1", "hers-1"}
    assert len(store.view(KEY).versions) == 1

    assert store.forget("v2") is None
    assert set(store.view(KEY).taken) == {"digits-digits-1"}


def test_a_version_made_again_by_another_is_no_longer_ours(store: Store) -> None:
    store.put("ModelService", service())
    store.put("ModelVersion", version())
    again = version("v2")
    del again["metadata"]["labels"]

    store.put("ModelVersion", again)

    assert store.view(KEY).versions == ()
    assert set(store.view(KEY).taken) == {"digits-digits-1"}


def test_others_objects_are_not_kept(store: Store) -> None:
    assert store.put("ConfigMap", child(owner=None)) == ()
    stranger = child()
    stranger["metadata"]["ownerReferences"][0]["kind"] = "Deployment"
    assert store.put("ConfigMap", stranger) == ()
    unlabelled = pod()
    del unlabelled["metadata"]["labels"]["modelservice.io/service-uid"]
    assert store.put("Pod", unlabelled) == ()
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
        ("Running", "conversion", True),
        ("Pending", "conversion", False),
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


def test_programs_that_run_first_are_asked_while_their_pod_is_pending(store: Store) -> None:
    """The harm: a download of an hour, or a Secret that is missing, shows as nothing at all."""
    one = pod(phase="Pending", component="conversion")
    one["status"]["initContainerStatuses"] = [{"name": "acquire", "state": {"running": {}}}]
    store.put("Pod", one)

    assert [probe.uid for probe in store.probes()] == ["p1"]


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
