"""The smallest change: right children are left alone, drift is undone, deletions come last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelservice_operator.canonical import digest
from modelservice_operator.controller.delta import Change, Delete, delta, wanted_fields
from modelservice_operator.desired.child import Child, Stage
from modelservice_operator.view import Observed

MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "n", "labels": {"a": "b"}},
    "spec": {"replicas": 2},
}
CHILD = Child(manifest=MANIFEST, stage=Stage.WORKLOAD)
RIGHT = Observed(
    kind="Deployment",
    name="d",
    uid="u",
    resource_version="1",
    created="",
    deleting=False,
    labels={},
    owned={"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 2}},
    status={},
)
JOB = Child(
    manifest={**MANIFEST, "kind": "Job", "spec": {"suspend": False, "template": {"image": "new"}}},
    mode="create",
    mutable={**MANIFEST, "kind": "Job", "metadata": {"name": "d"}, "spec": {"suspend": False}},
)
LIVE_JOB = replace(
    RIGHT, kind="Job", owned={"spec": {"suspend": False, "template": {"image": "old"}}}
)


def change(*wanted: Child, live: list[Observed]) -> Change:
    return delta(wanted, live={(item.kind, item.name): item for item in live}, namespace="n")


def test_a_right_child_is_left_alone() -> None:
    assert not change(CHILD, live=[RIGHT])


def test_a_missing_child_is_created() -> None:
    (apply,) = change(CHILD, live=[]).applies
    assert (apply.exists, apply.uid, apply.mode) == (False, None, "apply")


def test_every_kind_of_drift_is_undone() -> None:
    changed = {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 9}}
    taken = {"metadata": {"labels": {"a": "b"}}}
    unwanted = {**RIGHT.owned, "spec": {"replicas": 2, "paused": True}}
    for owned in (changed, taken, unwanted):
        (apply,) = change(CHILD, live=[replace(RIGHT, owned=owned)]).applies
        assert (apply.exists, apply.uid) == (True, "u")


def test_what_admission_made_of_our_apply_is_not_fought() -> None:
    mutated = {**RIGHT.owned, "spec": {"replicas": 3}}
    accepted = (digest(wanted_fields(MANIFEST)), digest(mutated))
    assert not change(CHILD, live=[replace(RIGHT, owned=mutated, accepted=accepted)])
    other = {**mutated, "spec": {"replicas": 4}}
    assert change(CHILD, live=[replace(RIGHT, owned=other, accepted=accepted)])


def test_what_nobody_wants_goes_by_its_uid() -> None:
    assert change(live=[RIGHT]).deletes == (
        Delete(kind="Deployment", name="d", namespace="n", uid="u", version=RIGHT.resource_version),
    )


def test_what_is_being_deleted_is_waited_for() -> None:
    drifted = {**RIGHT.owned, "spec": {"replicas": 9}}
    leaving = replace(RIGHT, deleting=True, owned=drifted)
    assert not change(CHILD, live=[leaving])
    assert not change(live=[leaving])


def test_a_job_is_written_once_but_for_what_may_change() -> None:
    assert not change(JOB, live=[LIVE_JOB]), "a new image never touches a Job that exists"
    suspended = replace(LIVE_JOB, owned={"spec": {"suspend": True}})
    (apply,) = change(JOB, live=[suspended]).applies
    assert apply.manifest["spec"] == {"suspend": False}
    assert apply.mode == "apply"


def test_stages_come_in_order() -> None:
    base = Child(manifest={**MANIFEST, "kind": "ConfigMap"}, stage=Stage.BASE)
    applies = change(CHILD, base, live=[]).applies
    assert [apply.manifest["kind"] for apply in applies] == ["ConfigMap", "Deployment"]
