"""The first write of a child never touches an object of somebody else (decision 0002)."""

from __future__ import annotations

import asyncio

import pytest

from modelservice_operator.controller.delta import Apply, Change
from modelservice_operator.controller.execute import Executor, NameConflict, Outcome
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import Conflict
from modelservice_operator.kube.kinds import BY_NAME
from modelservice_operator.view import Manifest
from tests.integration.children import APPLIED, KINDS, child, foreign, fresh_uid, owner
from tests.integration.engine import post, remove, writer

STRANGERS = {
    "nobody": None,
    "a Deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "other",
        "uid": fresh_uid(),
        "controller": True,
    },
    "a ModelService": owner(fresh_uid(), name="other"),
}


def first(manifest: Manifest) -> Change:
    mode = "apply" if manifest["kind"] in APPLIED else "create"
    return Change(applies=(Apply(manifest=manifest, stage=0, mode=mode, exists=False, uid=None),))


def executor(client: Client, *, store: Store | None = None) -> Executor:
    return Executor(client=client, writer=writer(client), store=store or Store())


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("kind", KINDS)
async def test_foreign_object_is_left_byte_equal(
    client: Client, namespace: str, kind: str, stranger: str
) -> None:
    theirs = await post(client, foreign(kind, namespace=namespace, controller=STRANGERS[stranger]))

    outcome = await executor(client).execute(first(child(kind, namespace=namespace)))

    who = "ModelService other" if stranger == "a ModelService" else stranger
    who = "Deployment other" if stranger == "a Deployment" else who
    assert outcome == Outcome(conflicts=(NameConflict(kind, "digits", who),))
    found = await client.get(BY_NAME[kind], namespace=namespace, name="digits")
    assert found == theirs


@pytest.mark.parametrize("kind", KINDS)
async def test_absent_object_is_created_with_one_write(
    client: Client, namespace: str, kind: str
) -> None:
    store = Store()

    outcome = await executor(client, store=store).execute(first(child(kind, namespace=namespace)))

    assert outcome == Outcome(applied=1)
    found = await client.get(BY_NAME[kind], namespace=namespace, name="digits")
    managers = [
        (entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]
    ]
    operation = "Apply" if kind in APPLIED else "Update"
    assert managers == [("modelservice-operator", operation)]
    assert store.version(found["metadata"]["uid"]) == found["metadata"]["resourceVersion"]


@pytest.mark.parametrize("kind", KINDS)
async def test_own_object_that_the_store_did_not_know_is_taken_in_and_left_as_it_is(
    client: Client, namespace: str, kind: str
) -> None:
    """What it is to be follows from what it is: another pass plans it."""
    manifest = child(kind, namespace=namespace)
    await executor(client).execute(first(manifest))
    before = await client.get(BY_NAME[kind], namespace=namespace, name="digits")
    store = Store()

    outcome = await executor(client, store=store).execute(first(manifest))

    assert outcome == Outcome(behind=kind in APPLIED)
    assert store.version(before["metadata"]["uid"]) == before["metadata"]["resourceVersion"]
    assert await client.get(BY_NAME[kind], namespace=namespace, name="digits") == before


@pytest.mark.parametrize("kind", APPLIED)
async def test_object_that_was_made_again_is_not_applied_by_its_old_uid(
    client: Client, namespace: str, kind: str
) -> None:
    """A stale store must not write into what now has the name: 422 there, a Conflict for us."""
    manifest = child(kind, namespace=namespace)
    gone = await writer(client).create_applied(BY_NAME[kind], manifest=manifest)
    await remove(client, BY_NAME[kind], namespace=namespace, name="digits")
    theirs = await post(client, foreign(kind, namespace=namespace))
    apply = Apply(
        manifest=manifest, stage=0, mode="apply", exists=True, uid=gone["metadata"]["uid"]
    )

    with pytest.raises(Conflict):
        await executor(client).execute(Change(applies=(apply,)))

    assert await client.get(BY_NAME[kind], namespace=namespace, name="digits") == theirs


async def test_another_runs_model_version_is_taken(client: Client, namespace: str) -> None:
    store = Store()

    first_run = await executor(client).execute(first(version("run-a", namespace=namespace)))
    again = await executor(client).execute(first(version("run-a", namespace=namespace)))
    other = await executor(client, store=store).execute(
        first(version("run-b", namespace=namespace))
    )

    assert first_run == Outcome(applied=1)
    assert again == Outcome()
    assert other == Outcome(taken=("digits-digits-1",))
    assert store.size == 1  # the next plan sees it and takes the next number


def version(run: str, *, namespace: str) -> Manifest:
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {
            "name": "digits-digits-1",
            "namespace": namespace,
            "labels": {"modelservice.io/name": "digits", "modelservice.io/model": "digits"},
        },
        "spec": {
            "model": "digits",
            "version": 1,
            "format": "ONNX",
            "artifact": {
                "uri": "s3://models/a/model.onnx",
                "digest": "sha256:" + "a" * 64,
                "size": 1,
            },
            "inputs": [{"name": "x", "dataType": "FP32", "shape": [-1, 10]}],
            "outputs": [{"name": "y", "dataType": "FP32", "shape": [-1, 1]}],
            "lineage": {"service": "digits", "run": run},
        },
    }


async def test_of_ten_first_writes_at_once_one_creates(client: Client, namespace: str) -> None:
    """Two replicas at the moment of a take-over."""
    creators = [executor(client) for _ in range(10)]
    manifests = [child("Service", namespace=namespace, uid=fresh_uid()) for _ in creators]

    outcomes = [
        await task
        for task in [
            asyncio.ensure_future(creator.execute(first(manifest)))
            for creator, manifest in zip(creators, manifests, strict=True)
        ]
    ]

    assert sum(outcome.applied for outcome in outcomes) == 1
    assert sum(len(outcome.conflicts) for outcome in outcomes) == 9
