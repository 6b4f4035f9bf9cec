"""Nothing is made for, or said of, what a service is no more."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from modelservice_operator.controller.delta import Change
from modelservice_operator.controller.execute import Executor, Outcome
from modelservice_operator.controller.reconcile import Reconciler
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.kinds import CHILDREN, MODEL_SERVICE
from modelservice_operator.metrics import Metrics
from modelservice_operator.view import Key, Manifest
from tests.integration.children import service_spec
from tests.integration.engine import apply_as, create_service, remove, writer
from tests.world import PLATFORM


class Site(SimpleNamespace):
    client: Client
    namespace: str
    store: Store
    reconcile: Reconciler
    service: Manifest

    @property
    def key(self) -> Key:
        return Key(self.namespace, "digits")

    async def children(self) -> list[str]:
        """Names of everything that could be a child."""
        found: list[str] = []
        for kind in CHILDREN:
            answer = await self.client.request(
                "GET", kind.collection(self.namespace), kind=kind.kind
            )
            found += [f"{kind.kind} {item['metadata']['name']}" for item in answer["items"]]
        return found

    async def stored(self) -> dict[str, Any]:
        return await self.client.get(MODEL_SERVICE, namespace=self.namespace, name="digits")


@pytest.fixture
async def site(client: Client, namespace: str) -> Site:
    store = Store()
    service = await create_service(client, namespace=namespace)
    store.put("ModelService", service)
    reconcile = Reconciler(
        store=store,
        executor=Executor(client=client, writer=writer(client), store=store),
        events=Events(client, instance="test"),
        metrics=Metrics(),
        platform=PLATFORM,
        clock=time.time,
    )
    return Site(
        client=client, namespace=namespace, store=store, reconcile=reconcile, service=service
    )


async def test_what_the_garbage_collector_takes_is_not_made_again(site: Site) -> None:
    """The end of the service was told late: its children came back as fast as they went."""
    await site.reconcile(site.key)
    assert await site.children()
    await remove(site.client, MODEL_SERVICE, namespace=site.namespace, name="digits")
    view = site.store.view(site.key)
    for child in view.children.values():
        kind = next(kind for kind in CHILDREN if kind.kind == child.kind)
        await remove(site.client, kind, namespace=site.namespace, name=child.name)
        site.store.lose(child.uid, version=str(int(child.resource_version) + 1000))

    assert await site.reconcile(site.key) is None
    assert await site.children() == []
    assert site.store.view(site.key).service is None


async def test_a_child_that_somebody_deleted_comes_back(site: Site) -> None:
    await site.reconcile(site.key)
    before = await site.children()
    view = site.store.view(site.key)
    child = view.children["Service", "digits"]
    service = next(kind for kind in CHILDREN if kind.kind == "Service")
    await remove(site.client, service, namespace=site.namespace, name="digits")
    site.store.lose(child.uid, version=str(int(child.resource_version) + 1000))

    await site.reconcile(site.key)

    assert await site.children() == before
    assert not site.store.view(site.key).bereaved


async def test_a_status_that_nobody_can_have_ends_the_matter(site: Site) -> None:
    await remove(site.client, MODEL_SERVICE, namespace=site.namespace, name="digits")

    assert await site.reconcile(site.key) is None
    assert site.store.view(site.key).service is None


async def test_a_namespace_that_is_being_deleted_is_let_be(site: Site) -> None:
    """No `Refused` in the status, and no row of warnings: the service is about to go."""
    await site.client.request("DELETE", f"/api/v1/namespaces/{site.namespace}", kind="Namespace")

    assert await site.reconcile(site.key) is None
    assert await site.children() == []
    assert "status" not in await site.stored()


class Interrupted(Executor):
    """While it writes children, the watch brings what it finds in `news`."""

    news: list[Manifest]
    store: Store

    async def execute(self, change: Change) -> Outcome:
        outcome = await super().execute(change)
        for item in self.news:
            self.store.put(item["kind"], item)
        return outcome


async def test_a_spec_that_came_while_children_were_written_is_not_reported_on(
    client: Client, namespace: str
) -> None:
    """The status of the old spec went over that of the new one, with its older generation."""
    store = Store()
    service = await create_service(client, namespace=namespace)
    store.put("ModelService", service)
    executor = Interrupted(client=client, writer=writer(client), store=store)
    reconcile = Reconciler(
        store=store,
        executor=executor,
        events=Events(client, instance="test"),
        metrics=Metrics(),
        platform=PLATFORM,
        clock=time.time,
    )
    changed = {**service_spec(), "serving": {"replicas": 2}}
    manifest = {"kind": "ModelService", "metadata": {"name": "digits", "namespace": namespace}}
    executor.store = store
    executor.news = [await apply_as(client, {**manifest, "spec": changed}, manager="argocd")]

    assert await reconcile(Key(namespace, "digits")) == 0.0

    found = await client.get(MODEL_SERVICE, namespace=namespace, name="digits")
    assert found["metadata"]["generation"] == 2
    assert "status" not in found
