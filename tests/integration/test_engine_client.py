"""The client, events and status writes against a real API server."""

from __future__ import annotations

import asyncio
import logging

import pytest

from e2e.cluster.controlplane import ControlPlane
from modelservice_operator.controller.delta import Apply, Change, Delete
from modelservice_operator.controller.execute import Executor, Outcome
from modelservice_operator.controller.store import Store
from modelservice_operator.kube import client as client_module
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.discovery import missing
from modelservice_operator.kube.errors import (
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from modelservice_operator.kube.events import MESSAGE_LIMIT, Events
from modelservice_operator.kube.kinds import BY_NAME, EVENT, WATCHED, Kind
from modelservice_operator.view import Key
from tests.integration.children import child, fresh_uid
from tests.integration.engine import connect, create_service, post, writer

CONFIG_MAP = BY_NAME["ConfigMap"]


async def test_lists_come_in_pages(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        manifest = child("ConfigMap", namespace=namespace, name=f"c{number}")
        await writer(client).create(CONFIG_MAP, manifest=manifest)
    monkeypatch.setattr(client_module, "PAGE", 2)

    pages = [page async for page in client.pages(CONFIG_MAP)]

    ours = [item for page in pages for item in page.items]
    assert {f"c{number}" for number in range(5)} <= {item["metadata"]["name"] for item in ours}
    assert max(len(page.items) for page in pages) == 2
    assert len({page.resource_version for page in pages}) == 1


async def test_an_outdated_continuation_is_told(client: Client) -> None:
    query = {"limit": "1", "continue": "bm8gdG9rZW4"}
    with pytest.raises((Expired, Invalid)):
        await client.request("GET", CONFIG_MAP.collection(), kind="ConfigMap", query=query)


async def test_what_is_not_there_is_not_found(client: Client, namespace: str) -> None:
    with pytest.raises(NotFound) as caught:
        await client.get(CONFIG_MAP, namespace=namespace, name="absent")
    assert caught.value.kind == "ConfigMap"


async def test_a_server_that_does_not_answer_is_unavailable(control_plane: ControlPlane) -> None:
    dead = await connect(control_plane)
    dead._configuration.host = "https://127.0.0.1:1"
    with pytest.raises(Unavailable):
        await dead.get(CONFIG_MAP, namespace="default", name="x")
    await dead.close()


async def test_requests_are_counted(control_plane: ControlPlane) -> None:
    counted: list[tuple[str, str, int]] = []
    client = await Client.connect(
        kubeconfig=str(control_plane.kubeconfig),
        user_agent="engine-tests",
        meter=lambda verb, kind, code, _: counted.append((verb, kind, code)),
    )
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, namespace="default", name="absent")
    await client.close()
    assert counted == [("get", "ConfigMap", 404)]


async def test_discovery_tells_what_is_not_served(client: Client) -> None:
    unknown = Kind("example.com", "v1", "Thing", "things")
    newer = Kind("apps", "v9", "Deployment", "deployments")

    assert await missing(client, [*WATCHED, unknown, newer]) == [unknown, newer]


async def test_what_the_server_refuses_is_reported_and_stops_later_stages(
    client: Client, namespace: str
) -> None:
    bad = child("Service", namespace=namespace)
    bad["spec"] = bad["spec"] | {"ports": [{"port": 99999}]}
    good = child("ConfigMap", namespace=namespace)
    later = child("Deployment", namespace=namespace)
    applies = tuple(
        Apply(manifest=manifest, stage=stage, mode="apply", exists=False, uid=None)
        for manifest, stage in ((bad, 0), (good, 0), (later, 1))
    )
    executor = Executor(client=client, writer=writer(client), store=Store())

    outcome = await executor.execute(Change(applies=applies))

    assert outcome.applied == 1
    (rejected,) = outcome.rejected
    assert (rejected.kind, rejected.name, rejected.reason) == ("Service", "digits", "Invalid")
    assert not rejected.heals
    assert "99999" in rejected.message
    with pytest.raises(NotFound):
        await client.get(BY_NAME["Deployment"], namespace=namespace, name="digits")


async def test_a_quota_is_a_refusal_that_heals(client: Client, namespace: str) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {"count/configmaps": "0"}},
    }
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    await client.request("POST", path, kind="ResourceQuota", body=quota)
    status = quota | {
        "status": {"hard": {"count/configmaps": "0"}, "used": {"count/configmaps": "0"}}
    }
    await client.request(
        "PATCH",
        f"{path}/none/status",
        kind="ResourceQuota",
        body=status,
        content_type="application/merge-patch+json",
    )
    apply = Apply(
        manifest=child("ConfigMap", namespace=namespace),
        stage=0,
        mode="apply",
        exists=False,
        uid=None,
    )
    executor = Executor(client=client, writer=writer(client), store=Store())

    outcome = await executor.execute(Change(applies=(apply,)))

    (rejected,) = outcome.rejected
    assert rejected.heals
    assert rejected.reason == Forbidden.__name__
    assert "quota" in rejected.message


async def test_a_deletion_touches_only_the_object_that_it_means(
    client: Client, namespace: str
) -> None:
    made = await post(client, child("ConfigMap", namespace=namespace))
    uid = made["metadata"]["uid"]
    store = Store()
    store.put("ConfigMap", made)
    executor = Executor(client=client, writer=writer(client), store=store)

    def deletion(uid: str) -> Change:
        delete = Delete(kind="ConfigMap", name="digits", namespace=namespace, uid=uid)
        return Change(deletes=(delete,))

    assert await executor.execute(deletion(fresh_uid())) == Outcome()
    assert await client.get(CONFIG_MAP, namespace=namespace, name="digits") == made
    assert await executor.execute(deletion(uid)) == Outcome(deleted=1)
    assert store.size == 0
    assert await executor.execute(deletion(uid)) == Outcome()


async def test_a_deletion_that_something_holds_up_is_seen_as_such(
    client: Client, namespace: str
) -> None:
    manifest = child("ConfigMap", namespace=namespace)
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    made = await post(client, manifest)
    store = Store()
    store.put("ModelService", held_service(namespace))
    store.put("ConfigMap", made)
    executor = Executor(client=client, writer=writer(client), store=store)
    delete = Delete(
        kind="ConfigMap", name="digits", namespace=namespace, uid=made["metadata"]["uid"]
    )

    await executor.execute(Change(deletes=(delete,)))

    assert store.view(Key(namespace, "digits")).children["ConfigMap", "digits"].deleting


def held_service(namespace: str) -> dict[str, object]:
    uid = "11111111-1111-1111-1111-111111111111"
    metadata = {"name": "digits", "namespace": namespace, "uid": uid, "resourceVersion": "1"}
    return {"metadata": metadata}


async def test_an_event_is_posted_for_people(client: Client, namespace: str) -> None:
    service = await create_service(client, namespace=namespace)
    events = Events(client, instance="test")

    events.emit(service, type="Warning", reason="CheckFailed", message="x" * 5000)
    await flushed(events)

    answer = await client.request("GET", EVENT.collection(namespace), kind="Event")
    (event,) = answer["items"]
    assert event["involvedObject"]["uid"] == service["metadata"]["uid"]
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "CheckFailed", 1)
    assert len(event["message"]) == MESSAGE_LIMIT


async def test_an_event_that_is_refused_hurts_nobody(
    client: Client, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = await create_service(client, namespace=namespace)
    service["metadata"]["namespace"] = "no-such-namespace"
    events = Events(client, instance="test")
    with caplog.at_level(logging.INFO):
        events.emit(service, type="Normal", reason="Ready", message="it is")
        await flushed(events)
    assert "an event was not posted" in caplog.text


async def test_of_too_many_events_the_oldest_are_dropped(
    client: Client, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = await create_service(client, namespace=namespace)
    events = Events(client, instance="test", limit=3)
    for number in range(6):
        events.emit(service, type="Normal", reason=f"Number{number}", message="it is")

    await flushed(events)

    answer = await client.request("GET", EVENT.collection(namespace), kind="Event")
    told = sorted(event["reason"] for event in answer["items"])
    assert told == ["Number3", "Number4", "Number5"]
    assert caplog.text.count("dropped") == 1


async def test_a_burst_of_events_is_posted_at_a_bounded_rate(
    client: Client, namespace: str
) -> None:
    """The harm: an API server that is busy with events while services wait to be made."""
    service = await create_service(client, namespace=namespace)
    events = Events(client, instance="test", rate=20.0)
    for number in range(9):
        events.emit(service, type="Normal", reason=f"Number{number}", message="it is")
    began = asyncio.get_running_loop().time()

    await flushed(events)

    assert asyncio.get_running_loop().time() - began >= 8 / 20.0


async def flushed(events: Events) -> None:
    task = asyncio.create_task(events.run())
    await asyncio.wait_for(events.flush(), 10)
    task.cancel()
