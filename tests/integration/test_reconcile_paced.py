"""Progress is held back, and told when its time has come; by an operator that restarted too."""

from __future__ import annotations

import time

import pytest

from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.reconcile import Reconciler
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.kinds import CHILDREN, DEPLOYMENT, MODEL_SERVICE
from modelservice_operator.metrics import Metrics
from modelservice_operator.status.pace import PACE
from modelservice_operator.view import Key, Manifest
from tests.integration.engine import create_service, writer
from tests.world import PLATFORM, SHA


class Site:
    """A service whose children are written by a reconcile at a time of the test's choice."""

    def __init__(self, client: Client, *, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.later = 0.0  # seconds by which its clock runs ahead of the API server's
        self.restart()

    def restart(self) -> None:
        self.store = Store()
        self._reconcile = Reconciler(
            store=self.store,
            executor=Executor(client=self.client, writer=writer(self.client), store=self.store),
            events=Events(self.client, instance="test"),
            metrics=Metrics(),
            platform=PLATFORM,
            clock=lambda: time.time() + self.later,
        )

    async def reconcile(self) -> float | None:
        """With a store that has seen all there is."""
        for kind in (MODEL_SERVICE, *CHILDREN):
            path = kind.collection(self.namespace)
            answer = await self.client.request("GET", path, kind=kind.kind)
            for item in answer["items"]:
                self.store.put(kind.kind, item)
        return await self._reconcile(Key(self.namespace, "digits"))

    async def status(self) -> Manifest:
        live = await self.client.get(MODEL_SERVICE, namespace=self.namespace, name="digits")
        return dict(live["status"])

    async def pods(self, count: int) -> None:
        """The Deployment says that so many pods were made, none of them ready."""
        answer = await self.client.request(
            "GET", DEPLOYMENT.collection(self.namespace), kind="Deployment"
        )
        name = answer["items"][0]["metadata"]["name"]
        await self.client.request(
            "PATCH",
            DEPLOYMENT.path(namespace=self.namespace, name=name, subresource="status"),
            kind="Deployment",
            body={"status": {"replicas": count}},
            content_type="application/merge-patch+json",
        )


@pytest.fixture
async def site(client: Client, namespace: str) -> Site:
    service = await create_service(client, namespace=namespace)
    service["spec"]["models"][0]["source"]["sha256"] = SHA
    await client.request(
        "PUT", MODEL_SERVICE.path(namespace=namespace, name="digits"), kind="", body=service
    )
    return Site(client, namespace=namespace)


async def test_the_first_status_already_tells_of_the_children(site: Site) -> None:
    await site.reconcile()

    ready = next(item for item in (await site.status())["conditions"] if item["type"] == "Ready")
    assert ready["reason"] == "Loading"
    assert await site.reconcile() is None


async def test_progress_waits_and_is_told_in_the_end(site: Site) -> None:
    await site.reconcile()
    await site.pods(1)

    wait = await site.reconcile()

    assert wait is not None
    assert 0 < wait <= PACE
    assert (await site.status())["replicas"] == 0

    site.later += wait
    assert await site.reconcile() is None
    assert (await site.status())["replicas"] == 1


async def test_a_restart_tells_progress_no_earlier(site: Site) -> None:
    await site.reconcile()
    await site.pods(1)
    site.restart()

    wait = await site.reconcile()

    assert wait is not None
    assert (await site.status())["replicas"] == 0
