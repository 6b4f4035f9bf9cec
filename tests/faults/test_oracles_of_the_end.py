"""converged, leftovers, exits, secrets, trained_once, truthful."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from e2e.faults.oracles import converged, exits, leftovers, secrets, trained_once, truthful
from e2e.faults.oracles.state import difference, normalised
from e2e.faults.record import Manifest
from e2e.faults.workloads.parts.manifests import CANARY
from tests.faults.told import LABELS, NAMESPACE, Told, deployment, owner, record, service, thing

TRAINING = {
    "modelservice.io/name": "digits",
    "modelservice.io/component": "training",
    "modelservice.io/model": "m",
}


def job(uid: str = "first", *, failed: bool = False) -> Manifest:
    conditions = [{"type": "Failed", "status": "True"}] if failed else []
    return thing(
        "Job",
        "digits-m-train-abc",
        uid=uid,
        labels=TRAINING,
        owner=owner(),
        spec={"template": {"spec": {}}},
        status={"conditions": conditions},
    )


def model_version(number: int, *, run: str = "abc") -> Manifest:
    spec = {"model": "m", "version": number, "lineage": {"run": run}}
    return thing("ModelVersion", f"digits-m-{number}", labels=TRAINING, spec=spec)


def ready(generation: int, *, observed: int | None = None, revision: str = "r1") -> Manifest:
    conditions = [{"type": "Ready", "status": "True"}]
    seen = generation if observed is None else observed
    return service(
        generation=generation,
        status={
            "observedGeneration": seen,
            "conditions": conditions,
            "revision": f"digits-{revision}",
        },
    )


def ended(told: Told, *items: Manifest) -> Told:
    """It came to its end with these objects."""
    told.run.converged_at = told.now()
    told.run.end = {(item["kind"], item["metadata"]["name"]): item for item in items}
    return told


# ---- converged


def test_what_differs_from_run_to_run_is_no_difference() -> None:
    one, other = (
        {
            ("Deployment", "digits-r1"): thing(
                "Deployment",
                "digits-r1",
                uid=uid,
                generation=generation,
                owner=owner(uid),
                spec={"replicas": 2, "where": f"http://digits.{namespace}.svc"},
                status={"replicas": 2, "observedGeneration": generation},
            ),
            ("ModelService", "digits"): service(uid=uid, generation=generation),
            ("Pod", f"digits-r1-{uid}"): thing("Pod", f"digits-r1-{uid}", uid=f"p-{uid}"),
            ("Event", uid): thing("Event", uid),
        }
        for uid, generation, namespace in (("u-1", 1, "plan-1"), ("u-2", 4, "plan-2"))
    )
    assert normalised(one, namespace="plan-1") == normalised(other, namespace="plan-2")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spec": {"replicas": 3}}, "Deployment/digits-r1.spec.replicas is 3 and not 2"),
        ({"labels": {}}, "Deployment/digits-r1.metadata.labels"),
        ({"owner": owner("another")}, "ownerReferences[0].uid is"),
        ({"annotations": {"left": "over"}}, "metadata.annotations is there"),
    ],
)
def test_what_is_not_as_without_faults_is_told(change: dict[str, Any], says: str) -> None:
    whole: dict[str, Any] = {"labels": LABELS, "owner": owner(), "spec": {"replicas": 2}}
    good = ended(Told(), service(), thing("Deployment", "digits-r1", **whole)).run
    bad = ended(Told(), service(), thing("Deployment", "digits-r1", **{**whole, **change})).run
    assert converged.check(good, good) == []
    assert any(says in line for line in converged.check(bad, good))


def test_a_run_that_did_not_come_to_its_end_says_where_it_stood() -> None:
    told = Told()
    told.run.stuck = "step 'create' was not over"
    assert converged.check(told.run, told.run) == [
        "it did not come to its end: step 'create' was not over"
    ]


def test_a_difference_names_both_sides() -> None:
    assert difference({"a": [1, 2]}, {"a": [1, 3]}) == ["a[1] is 2 and not 3"]
    assert difference({"a": 1}, {"b": 1}) == ["a is there: 1", "b is missing"]


def test_a_revision_is_known_by_what_it_says() -> None:
    """Its hash has the namespace in it, and its number says how many there were before."""
    one, other = (
        {
            ("ControllerRevision", f"digits-{name}"): thing(
                "ControllerRevision",
                f"digits-{name}",
                labels={"modelservice.io/revision": name},
                data={"uri": f"s3://models/{namespace}/x", "revision": name},
                revision=number,
            )
        }
        for name, namespace, number in (("aaa", NAMESPACE, 1), ("bbb", "plan-2", 7))
    )
    assert normalised(one, namespace=NAMESPACE) == normalised(other, namespace="plan-2")


# ---- leftovers


def test_a_version_that_says_nobody_is_one_that_says_nothing() -> None:
    """Whether a use of a moment is told of depends on the moment."""
    silent = model_version(1)
    states = [
        normalised({("ModelVersion", "digits-m-1"): {**silent, **status}}, namespace=NAMESPACE)
        for status in ({}, {"status": {"users": 0}}, {"status": {"users": 1, "usedBy": ["a/b"]}})
    ]
    assert states[0] == states[1]
    assert states[0] != states[2]


def test_what_a_deleted_service_leaves_is_told_and_versions_stay() -> None:
    kept, secret = model_version(1), thing("Secret", "modelservice-storage")
    told = ended(Told(), kept, secret)
    told.run.deleted_at = told.now()
    told.run.left = dict(told.run.end)
    assert leftovers.check(told.run, told.run) == []
    told.run.left["Job", "digits-m-train-abc"] = job()
    del told.run.left["ModelVersion", "digits-m-1"]
    assert leftovers.check(told.run, told.run) == [
        "Job digits-m-train-abc is left",
        "ModelVersion digits-m-1 went with its service",
    ]


# ---- exits


def test_one_exit_may_be_unexpected_and_orders_are_obeyed() -> None:
    told = Told().exits(1).exits(-9, expected=True).exits(0, expected=True)
    assert exits.check(told.run, told.run) == []
    assert "2 unexpected exits" in exits.check(told.exits(1, process=2).run, told.run)[0]
    told = Told().exits(1, expected=True)
    assert "was told to end and exited with 1" in exits.check(told.run, told.run)[0]


# ---- secrets


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("text", [f"key {CANARY}", encoded(f"id-{CANARY}")])
@pytest.mark.parametrize("place", ["status", "event", "request", "log"])
def test_what_a_secret_holds_is_nowhere_else(text: str, place: str, tmp_path: Path) -> None:
    told = Told().added(thing("Secret", "s", data={"id": encoded(f"id-{CANARY}")}))
    log = tmp_path / "log"
    log.write_text("nothing")
    told.run.logs[1] = log
    assert secrets.check(told.run, told.run) == []
    match place:
        case "status":
            told.modified(service(status={"conditions": [{"type": "Ready", "message": text}]}))
        case "event":
            told.added(thing("Event", "digits.1", message=text))
        case "request":
            told.asks("apply", thing("ConfigMap", "c", data={"a": text}))
        case "log":
            log.write_text(text)
    assert secrets.check(told.run, told.run)


def test_the_operator_asks_for_no_secret() -> None:
    told = Told().asks("get", thing("Secret", "s"))
    assert "it asked for Secrets" in secrets.check(told.run, told.run)[0]


# ---- trained_once


def test_a_failed_run_may_be_made_again_and_another_not() -> None:
    told = Told().added(service(), job()).modified(job(failed=True)).deleted(job(failed=True))
    assert trained_once.check(told.added(job("second")).run, told.run) == []
    told = Told().added(service(), job()).deleted(job()).added(job("second"))
    assert "was made a second time" in trained_once.check(told.run, told.run)[0]


def test_what_is_trained_already_is_not_trained() -> None:
    told = Told().added(service(), model_version(1), job())
    assert "although its version existed" in trained_once.check(told.run, told.run)[0]


def test_a_run_has_one_version() -> None:
    told = Told().added(model_version(1), model_version(2, run="def"))
    assert trained_once.check(told.run, told.run) == []
    assert "has two versions" in trained_once.check(told.added(model_version(3)).run, told.run)[0]


# ---- truthful


def serving() -> Told:
    return Told().added(service(), record("r1"), deployment("r1", available=2))


def test_a_service_with_its_pods_may_say_that_it_is_ready() -> None:
    told = serving().modified(ready(1))
    assert truthful.check(told.run, told.run) == []


def test_ready_without_pods_is_a_lie() -> None:
    told = Told().added(service(), record("r1"), deployment("r1", available=1)).modified(ready(1))
    assert "never had the pods" in truthful.check(told.run, told.run)[0]


def test_ready_with_the_old_file_is_a_lie() -> None:
    models = [{"name": "digits", "source": {"uri": "s3://models/b.onnx"}}]
    told = serving().modified(ready(1))
    lie = ready(2)
    lie["spec"] = {**lie["spec"], "models": models}
    told.modified(lie)
    assert (
        "is s3://models/a.onnx and not s3://models/b.onnx" in truthful.check(told.run, told.run)[0]
    )


@pytest.mark.parametrize(("loaded", "lies"), [("r2", False), ("r1", True)])
def test_reloaded_pods_are_of_the_revision_that_they_told(loaded: str, lies: bool) -> None:
    told = Told().added(service(), record("r1"), record("r2"))
    notes = {"modelservice.io/serves": "r2", "modelservice.io/loaded": loaded}
    told.added(deployment("r1", available=2, annotations=notes))
    after = ready(1)
    after["status"]["revision"] = "digits-r2"
    told.modified(after)
    found = truthful.check(told.run, told.run)
    assert ["revision r2 never had the pods" in line for line in found] == [True] * lies


def test_a_status_of_a_generation_before_is_no_lie_and_one_to_come_is() -> None:
    told = serving().modified(ready(1)).modified(ready(2, observed=1))
    assert truthful.check(told.run, told.run) == []
    told = serving().modified(ready(1, observed=2))
    assert "claims generation 2" in truthful.check(told.run, told.run)[0]


def test_a_status_does_not_go_back() -> None:
    told = serving().modified(ready(1)).modified(ready(2)).modified(ready(2, observed=1))
    assert "went back from generation 2 to 1" in truthful.check(told.run, told.run)[0]
