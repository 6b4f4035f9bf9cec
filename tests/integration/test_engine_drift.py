"""`Observed.owned` on a real API server: equal when right, different when not, for each kind.

Defaults, quantities, ports and what others add must not look like drift; a change of a field of
ours, and a field that we no longer want, must.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from modelservice_operator.controller.delta import Apply, Change, wanted_fields
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.controller.trim import owned, trim
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.kinds import BY_NAME
from modelservice_operator.view import Manifest
from tests.integration.children import APPLIED, child
from tests.integration.engine import apply_as, writer

Edit = Callable[[Manifest], None]


def scale(manifest: Manifest) -> None:
    manifest["spec"]["replicas"] = 5


def retarget(manifest: Manifest) -> None:
    manifest["spec"]["ports"][0]["targetPort"] = 9999


def overwrite(manifest: Manifest) -> None:
    manifest["data"]["models.json"] = "{}"


def allow_more(manifest: Manifest) -> None:
    manifest["spec"]["maxUnavailable"] = 3


def open_up(manifest: Manifest) -> None:
    manifest["spec"]["ingress"] = [{}]


def raise_limit(manifest: Manifest) -> None:
    manifest["spec"]["maxReplicas"] = 50


def suspend(manifest: Manifest) -> None:
    manifest["spec"]["suspend"] = True


EDITS: dict[str, Edit] = {
    "Deployment": scale,
    "Service": retarget,
    "ConfigMap": overwrite,
    "PodDisruptionBudget": allow_more,
    "NetworkPolicy": open_up,
    "HorizontalPodAutoscaler": raise_limit,
    "Job": suspend,
}


def drop_variable(manifest: Manifest) -> None:
    del manifest["spec"]["template"]["spec"]["containers"][0]["env"][1]


def drop_port(manifest: Manifest) -> None:
    del manifest["spec"]["ports"][1]


def drop_data(manifest: Manifest) -> None:
    del manifest["data"]["note"]


def drop_label(manifest: Manifest) -> None:
    del manifest["metadata"]["labels"]["modelservice.io/name"]


def drop_policy(manifest: Manifest) -> None:
    del manifest["spec"]["unhealthyPodEvictionPolicy"]


# a Job's template cannot change, so its labels stand for it
DROPS: dict[str, Edit] = {
    "Deployment": drop_variable,
    "Service": drop_port,
    "ConfigMap": drop_data,
    "PodDisruptionBudget": drop_policy,
    "NetworkPolicy": drop_label,
    "HorizontalPodAutoscaler": drop_label,
    "Job": drop_label,
}


async def write(client: Client, manifest: Manifest) -> Manifest:
    return await writer(client).create_applied(BY_NAME[manifest["kind"]], manifest=manifest)


async def again(client: Client, manifest: Manifest, *, live: Manifest) -> Manifest:
    kind = BY_NAME[manifest["kind"]]
    return await writer(client).apply(kind, manifest=manifest, uid=live["metadata"]["uid"])


@pytest.mark.parametrize("kind", APPLIED)
async def test_what_was_applied_is_right(client: Client, namespace: str, kind: str) -> None:
    manifest = child(kind, namespace=namespace)

    live = await write(client, manifest)

    assert owned(live) == wanted_fields(manifest)


@pytest.mark.parametrize("kind", APPLIED)
async def test_applying_the_same_again_writes_nothing(
    client: Client, namespace: str, kind: str
) -> None:
    manifest = child(kind, namespace=namespace)
    live = await write(client, manifest)

    assert await again(client, manifest, live=live) == live


@pytest.mark.parametrize("kind", APPLIED)
async def test_what_others_add_is_no_drift(client: Client, namespace: str, kind: str) -> None:
    manifest = child(kind, namespace=namespace)
    await write(client, manifest)
    addition = {
        "kind": kind,
        "metadata": {
            "name": "digits",
            "namespace": namespace,
            "labels": {"team": "ml"},
            "annotations": {"note": "mine"},
        },
    }

    live = await apply_as(client, addition, manager="argocd")

    assert live["metadata"]["labels"]["team"] == "ml"
    assert owned(live) == wanted_fields(manifest)


@pytest.mark.parametrize("kind", APPLIED)
async def test_an_edit_of_our_field_is_drift_and_is_set_right(
    client: Client, namespace: str, kind: str
) -> None:
    manifest = child(kind, namespace=namespace)
    await write(client, manifest)
    theirs = copy.deepcopy(manifest)
    EDITS[kind](theirs)
    edited = await apply_as(client, theirs, manager="kubectl-edit")

    assert owned(edited) != wanted_fields(manifest)
    live = await again(client, manifest, live=edited)
    assert owned(live) == wanted_fields(manifest)


@pytest.mark.parametrize("kind", APPLIED)
async def test_a_field_that_we_no_longer_want_is_drift_and_goes(
    client: Client, namespace: str, kind: str
) -> None:
    before = child(kind, namespace=namespace)
    after = copy.deepcopy(before)
    DROPS[kind](after)
    live = await write(client, before)

    assert owned(live) != wanted_fields(after)
    live = await again(client, after, live=live)
    assert owned(live) == wanted_fields(after)


async def test_a_scale_by_hand_is_drift(client: Client, namespace: str) -> None:
    """`kubectl scale` writes through a subresource, which takes the field from us."""
    manifest = child("Deployment", namespace=namespace)
    await write(client, manifest)
    kind = BY_NAME["Deployment"]

    await client.request(
        "PATCH",
        kind.path(namespace=namespace, name="digits", subresource="scale"),
        kind=kind.kind,
        body={"spec": {"replicas": 7}},
        content_type="application/merge-patch+json",
    )

    live = await client.get(kind, namespace=namespace, name="digits")
    assert "replicas" not in owned(live)["spec"]


async def test_status_and_its_writers_are_no_drift(client: Client, namespace: str) -> None:
    manifest = child("Deployment", namespace=namespace)
    await write(client, manifest)
    kind = BY_NAME["Deployment"]

    live = await client.request(
        "PATCH",
        kind.path(namespace=namespace, name="digits", subresource="status"),
        kind=kind.kind,
        body={"status": {"replicas": 2, "readyReplicas": 1, "observedGeneration": 1}},
        content_type="application/merge-patch+json",
    )

    trimmed = trim("Deployment", live)
    assert trimmed["owned"] == wanted_fields(manifest)
    assert trimmed["status"]["readyReplicas"] == 1
    assert trimmed["status"]["generation"] == 1


async def test_a_job_made_by_post_shows_the_fields_that_may_change(
    client: Client, namespace: str
) -> None:
    """Written once, then only `suspend` is applied: both entries are ours, and are read as one."""
    manifest = child("Job", namespace=namespace)
    live = await writer(client).create(BY_NAME["Job"], manifest=manifest)
    mutable = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "digits", "namespace": namespace},
        "spec": {"suspend": True},
    }
    assert owned(live)["spec"]["suspend"] is False

    live = await again(client, mutable, live=live)

    assert owned(live)["spec"]["suspend"] is True
    assert owned(live)["spec"]["backoffLimit"] == 3


async def test_what_admission_makes_of_a_write_is_accepted(client: Client, namespace: str) -> None:
    """Here the server itself: it fills an empty map of ours with its defaults."""
    manifest = child("Deployment", namespace=namespace)
    manifest["spec"]["strategy"] = {}
    store = Store()
    executor = Executor(client=client, writer=writer(client), store=store)
    apply = Apply(manifest=manifest, stage=0, mode="apply", exists=False, uid=None)

    await executor.execute(Change(applies=(apply,)))

    live = await client.get(BY_NAME["Deployment"], namespace=namespace, name="digits")
    assert owned(live) != wanted_fields(manifest)
    assert store.accepted(live["metadata"]["uid"]) is not None


async def test_a_change_that_came_before_our_own_answer_is_drift(
    client: Client, namespace: str
) -> None:
    """It was taken for what admission had made of our write, and stayed for ever."""
    manifest = child("Deployment", namespace=namespace)
    live = await write(client, manifest)
    store = Store()
    theirs = copy.deepcopy(live)
    theirs["metadata"]["resourceVersion"] = str(int(live["metadata"]["resourceVersion"]) + 10_000)
    theirs["spec"]["replicas"] = 0
    store.put("Deployment", theirs)
    uid = live["metadata"]["uid"]
    apply = Apply(manifest=manifest, stage=0, mode="apply", exists=True, uid=uid)

    executor = Executor(client=client, writer=writer(client), store=store)
    await executor.execute(Change(applies=(apply,)))

    assert store.accepted(uid) is None
