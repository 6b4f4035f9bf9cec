"""What one object means for others in the store: versions for who refers to them, and so on."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from modelservice_operator.controller.observer import SETTLED, Observer
from modelservice_operator.controller.queue import Lane, Queue
from modelservice_operator.controller.referrals import Referrals
from modelservice_operator.controller.store import Store
from modelservice_operator.desired.references import Reference
from modelservice_operator.view import Key, VersionKey
from tests import world

Manifest = dict[str, Any]
A, B, FAR = Key("default", "a"), Key("default", "b"), Key("far", "c")
V1 = VersionKey("default", "v1")
PRODUCTION = {"stage": "production"}
_resource_versions = itertools.count(10)


class Site:
    """A store, and what it wakes."""

    def __init__(self) -> None:
        self.store = Store()

    def refers(self, key: Key, **ref: Any) -> None:
        models = [{"name": "m", "versionRef": ref}] if ref else []
        self.put("ModelService", named(key, uid=f"uid-{key.name}", spec={"models": models}))

    def publishes(self, name: str = "v1", number: int = 1, **more: Any) -> Manifest:
        version = world.version(name, number, **more)
        self.put("ModelVersion", version)
        return version

    def serves(self, key: Key, version: Manifest, *, uid: str = "r1", **model: Any) -> None:
        """A live revision of a service serves a version."""
        metadata = version["metadata"]
        owner = {"kind": "ModelService", "name": key.name, "uid": f"uid-{key.name}"}
        record = named(Key(key.namespace, f"{key.name}-{uid}"), uid=uid)
        record["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
        record["data"] = {
            "models": [
                {
                    "name": "m",
                    "version": version["spec"]["version"],
                    "digest": version["spec"]["artifact"]["digest"],
                    "versionRef": {key: metadata[key] for key in ("namespace", "name")},
                    **model,
                }
            ]
        }
        self.put("ControllerRevision", record)

    def put(self, kind: str, obj: Manifest) -> tuple[Key, ...]:
        obj["metadata"]["resourceVersion"] = str(next(_resource_versions))
        return self.store.put(kind, obj)

    def woken(self) -> set[Key]:
        return set(self.store.woken())

    def users(self, key: VersionKey = V1) -> list[str]:
        found = self.store.published(key)
        assert found is not None
        return [str(user) for user in found[1]]


def named(key: Key, *, uid: str, **more: Any) -> Manifest:
    return {"metadata": {"name": key.name, "namespace": key.namespace, "uid": uid}, **more}


def grant(namespace: str = "default") -> Manifest:
    return world.grant({"allVersions": True}, namespace=namespace)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    ("ref", "concerned"),
    [
        ({"name": "v1"}, True),
        ({"name": "v2"}, False),
        ({"name": "v1", "namespace": "far"}, False),
        ({"selector": {"model": "digits"}}, True),
        ({"selector": {"model": "other"}}, False),
        ({"selector": {"matchLabels": PRODUCTION}}, True),
        ({"selector": {"matchLabels": {**PRODUCTION, "a": "b"}}}, False),
        ({"selector": {"model": "digits", "matchLabels": {"stage": "test"}}}, False),
    ],
)
def test_a_version_wakes_who_refers_to_it(site: Site, ref: Manifest, concerned: bool) -> None:
    site.refers(A, **ref)
    site.woken()
    version = site.publishes(labels=PRODUCTION)
    assert (A in site.woken()) == concerned
    assert bool(site.store.view(A).published) or not concerned
    site.store.lose(version["metadata"]["uid"], version="99999")
    assert (A in site.woken()) == concerned
    assert site.store.view(A).published == ()


def test_what_a_version_was_counts_too(site: Site) -> None:
    """The harm: a service goes on with a version that was taken out of its selection."""
    site.refers(A, selector={"matchLabels": PRODUCTION})
    site.refers(B, selector={"matchLabels": {"stage": "test"}})
    site.publishes(labels=PRODUCTION)
    site.woken()
    site.publishes(labels={"stage": "test"})
    assert site.woken() == {A, B, V1}
    assert [len(site.store.view(key).published) for key in (A, B)] == [0, 1]


def test_the_answer_to_our_own_write_wakes_others_too(site: Site) -> None:
    """The harm: a training publishes a version, and the event after it says nothing new, so
    another service that waits for the version never hears of it."""
    site.refers(A, name="v1")
    version = site.publishes()
    assert site.put("ModelVersion", version) == (), "the event after the answer"
    assert A in site.woken()


def test_a_status_of_a_version_wakes_nobody_but_itself(site: Site) -> None:
    """The harm: of a version that thousands serve, each one's start would wake all others."""
    site.refers(A, name="v1")
    version = site.publishes()
    site.woken()
    site.put("ModelVersion", {**version, "status": {"usedBy": ["default/a"], "users": 1}})
    assert site.woken() == {V1}


def test_a_status_that_we_wrote_wakes_the_service_that_made_the_version(site: Site) -> None:
    """The harm: a version that nobody uses any more would not be deleted before the next event."""
    version = site.publishes(labels={"modelservice.io/name": "a"})
    site.woken()
    site.put("ModelVersion", {**version, "status": {"users": 0}})
    assert site.woken() == {A, V1}


def test_a_view_tells_which_of_its_versions_are_used(site: Site) -> None:
    site.refers(A)
    site.refers(B)
    made = {"labels": {"modelservice.io/name": "a"}}
    site.publishes("v1", 1, **made)
    site.serves(B, site.publishes("v2", 2, **made))
    assert set(site.store.view(A).used) == {"v2"}


def test_another_reference_replaces_the_one_before(site: Site) -> None:
    site.refers(A, name="v1")
    site.refers(A, name="v2")
    site.publishes("v1")
    assert A not in site.woken()
    site.publishes("v2")
    assert A in site.woken()
    site.store.forget("uid-a")
    site.publishes("v2", 3)
    assert A not in site.woken()


def test_a_grant_wakes_who_refers_to_its_namespace_from_elsewhere(site: Site) -> None:
    site.refers(A, name="v1", namespace="default")
    site.refers(FAR, name="v1", namespace="default")
    site.put("ModelGrant", grant())
    assert site.woken() == {FAR}
    assert [item["spec"] for item in site.store.view(FAR).grants] == [grant()["spec"]]
    assert site.store.view(A).grants == ()
    site.store.lose("uid-grant", version="99999")
    assert site.woken() == {FAR}
    assert site.store.view(FAR).grants == ()


def test_a_grant_of_a_third_namespace_is_none_of_its_business(site: Site) -> None:
    site.refers(FAR, name="v1", namespace="default")
    site.put("ModelGrant", grant("elsewhere"))
    assert site.woken() == set()
    assert site.store.view(FAR).grants == ()


def test_a_live_revision_uses_its_version_until_it_is_gone(site: Site) -> None:
    site.refers(A, name="v1")
    site.refers(FAR, name="v1", namespace="default")
    version = site.publishes()
    site.woken()
    site.serves(FAR, version, uid="r2")
    site.serves(A, version)
    assert site.woken() == {V1}
    assert site.users() == ["default/a", "far/c"]
    site.store.forget("r2")
    assert site.woken() == {V1}
    assert site.users() == ["default/a"]


def test_two_revisions_of_a_service_are_one_user(site: Site) -> None:
    site.refers(A, name="v1")
    version = site.publishes()
    site.serves(A, version, uid="r1")
    site.serves(A, version, uid="r2")
    site.store.forget("r1")
    assert site.users() == ["default/a"]


def test_other_bytes_of_the_name_are_not_used(site: Site) -> None:
    site.refers(A, name="v1")
    version = site.publishes()
    site.serves(A, version, digest="sha256:" + "0" * 64)
    assert site.users() == []


def test_a_revision_of_a_service_that_is_gone_uses_nothing(site: Site) -> None:
    version = site.publishes()
    site.serves(A, version)
    assert site.users() == []


def test_a_trained_version_is_used_by_its_service(site: Site) -> None:
    site.refers(A)
    version = site.publishes("a-m-7", 7)
    site.serves(A, version, versionRef=None)
    assert site.users(VersionKey("default", "a-m-7")) == ["default/a"]


def test_a_service_of_files_wakes_no_version(site: Site) -> None:
    site.refers(A)
    site.serves(A, world.version("a-m-7", 7), versionRef=None)
    assert site.woken() == set()


@pytest.mark.parametrize(
    "data",
    [None, {}, {"models": "m"}, {"models": [{}]}, {"models": [{"name": 1, "version": "x"}]}],
)
def test_a_record_that_nobody_understands_is_no_use(site: Site, data: Any) -> None:
    """The harm: an object that a user forged would end the watch of everybody."""
    owner = {"kind": "ModelService", "name": "a", "uid": "uid-a", "controller": True}
    record = named(A, uid="r1", data=data)
    record["metadata"]["ownerReferences"] = [owner]
    assert site.put("ControllerRevision", record) == (A,)
    assert site.woken() == set()


def test_what_is_woken_is_told_once_and_uses_are_gathered() -> None:
    now, queue, site = 1000.0, Queue(), Site()

    def enqueue(key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        queue.add(key, lane=lane, now=now, delay=delay)

    observer = Observer(store=site.store, enqueue=enqueue)
    site.refers(A, name="v1")
    version = world.version("v1", 1)
    version["metadata"]["resourceVersion"] = "10000"
    observer.seen("ModelVersion", version)
    turn = queue.take(Lane.NORMAL, now=now)
    assert turn is not None
    assert turn.key == A
    assert queue.take(Lane.SHORT, now=now + SETTLED / 2) is None
    turn = queue.take(Lane.SHORT, now=now + SETTLED)
    assert turn is not None
    assert turn.key == V1
    assert site.woken() == set()


def test_a_version_is_not_confused_with_a_service_of_its_name() -> None:
    assert Key("default", "v1") != V1
    assert len({Key("default", "v1"), V1}) == 2


def test_what_a_version_costs_does_not_grow_with_services_that_mean_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """5,000 services with a reference each: an event looks at those few that may mean it."""
    compared = 0
    matches = Reference.matches

    def counted(reference: Reference, version: Manifest) -> bool:
        nonlocal compared
        compared += 1
        return matches(reference, version)

    monkeypatch.setattr(Reference, "matches", counted)
    referrals = Referrals()
    for number in range(5000):
        labels = (("stage", "production"), ("team", f"t{number % 50}"))
        reference = Reference("default", model=f"m{number}", labels=labels)
        referrals.refer(Key("default", f"s{number}"), (reference,))
    version = world.version("v1", 1, model="m7", labels={"stage": "production", "team": "t7"})
    assert referrals.publish("v1", version) == {Key("default", "s7")}
    assert compared == 1
    assert referrals.candidates(Key("default", "s7")) == {"v1"}
    assert referrals.candidates(Key("default", "s8")) == set()
