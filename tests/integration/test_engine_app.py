"""A whole replica against a real API server, with a reconcile of the test's own."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from e2e.cluster.controlplane import ControlPlane, free_ports
from modelservice_operator import app
from modelservice_operator.controller.delta import Apply, Change, Delete, wanted_fields
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.signing import Signer
from modelservice_operator.controller.store import Store
from modelservice_operator.desired.platform import Images, Platform
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import NotFound
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.kinds import BY_NAME, LEASE, MODEL_SERVICE
from modelservice_operator.metrics import Metrics
from modelservice_operator.settings import Settings
from modelservice_operator.view import Key
from tests.integration.children import child
from tests.integration.engine import create_service, eventually, remove

CONFIG_MAP = BY_NAME["ConfigMap"]
PLATFORM = Platform(images=Images(agent="a", trainer="t", converter="c", triton="s"))


class Reconcile:
    """Keeps one ConfigMap a service as it should be, and counts what it does."""

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor,
        events: Events,
        metrics: Metrics,
        platform: Platform,
        clock: Callable[[], float],
    ) -> None:
        self.store = store
        self.executor = executor
        self.runs: list[Key] = []

    async def __call__(self, key: Key) -> float | None:
        self.runs.append(key)
        view = self.store.view(key)
        if view.service is None:
            return None
        uid = view.service["metadata"]["uid"]
        manifest = child("ConfigMap", namespace=key.namespace, name=key.name, uid=uid)
        live = view.children.get(("ConfigMap", key.name))
        if live is None or live.owned != wanted_fields(manifest):
            apply = Apply(
                manifest=manifest,
                stage=0,
                mode="apply",
                exists=live is not None,
                uid=live.uid if live is not None else None,
            )
            stray = tuple(
                Delete(kind=item.kind, name=item.name, namespace=key.namespace, uid=item.uid)
                for item in view.children.values()
                if item.name != key.name
            )
            await self.executor.execute(Change(applies=(apply,), deletes=stray))
        if not view.service["status"]:
            await self.executor.apply_status(
                MODEL_SERVICE, obj=view.service, status={"url": "http://x"}
            )
        return None


class Replica:
    """One running replica, and what can be asked of it."""

    def __init__(self, plane: ControlPlane, *, namespace: str) -> None:
        health, metrics = free_ports(2)
        self.settings = Settings(
            namespace=namespace,
            lease_name="operator",
            identity=f"replica-{health}",
            platform_file=Path("unused"),
            kubeconfig=str(plane.kubeconfig),
            host="127.0.0.1",
            health_port=health,
            metrics_port=metrics,
        )
        self.made: list[Reconcile] = []

    def make(self, **parts: Any) -> Reconcile:
        self.made.append(Reconcile(**parts))
        return self.made[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        coroutine = app.run(
            self.settings, platform=PLATFORM, signer=Signer(), make_reconcile=self.make
        )
        task = asyncio.create_task(coroutine)
        try:
            await eventually(lambda: task.done() or self.answers("readyz"))
            yield task
        finally:
            if not task.done():
                signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(task, 15)

    async def get(self, port: int, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def answers(self, path: str) -> bool:
        try:
            return (await self.get(self.settings.health_port, path))[0] == 200
        except aiohttp.ClientConnectionError:
            return False


@pytest.fixture
def replica(control_plane: ControlPlane, namespace: str) -> Replica:
    return Replica(control_plane, namespace=namespace)


async def exists(client: Client, namespace: str) -> bool:
    try:
        await client.get(CONFIG_MAP, namespace=namespace, name="digits")
    except NotFound:
        return False
    return True


def writes(plane: ControlPlane, *, namespace: str) -> list[tuple[str, str]]:
    """(verb, resource) of the operator's writes in a namespace, its Lease left out."""
    found = []
    for line in plane.audit_log.read_text().splitlines():
        event = json.loads(line)
        target = event.get("objectRef", {})
        if (
            event["stage"] == "ResponseComplete"
            and event.get("userAgent") == "modelservice-operator"
            and event["verb"] not in {"get", "list", "watch"}
            and target.get("namespace") == namespace
            and target.get("resource") != "leases"
        ):
            subresource = target.get("subresource", "")
            found.append((event["verb"], f"{target['resource']}/{subresource}".rstrip("/")))
    return found


async def test_a_service_becomes_its_children_and_keeps_them(
    replica: Replica, client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    async with replica.running():
        await create_service(client, namespace=namespace)
        await eventually(lambda: exists(client, namespace))

        await remove(client, CONFIG_MAP, namespace=namespace, name="digits")
        await eventually(lambda: exists(client, namespace))

        patch = {"data": {"note": "mine"}}
        path = CONFIG_MAP.path(namespace=namespace, name="digits")
        await client.request(
            "PATCH",
            path,
            kind="ConfigMap",
            body=patch,
            query={"fieldManager": "kubectl-edit"},
            content_type="application/merge-patch+json",
        )

        async def restored() -> bool:
            found = await client.get(CONFIG_MAP, namespace=namespace, name="digits")
            return bool(found["data"]["note"] == "kept")

        await eventually(restored)
    assert writes(control_plane, namespace=namespace) == [
        ("patch", "configmaps"),
        ("patch", "modelservices/status"),
        ("patch", "configmaps"),
        ("patch", "configmaps"),
    ]


async def test_a_restart_writes_nothing(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with Replica(control_plane, namespace=namespace).running():
        await create_service(client, namespace=namespace)
        await eventually(lambda: exists(client, namespace))
        await eventually(lambda: len(writes(control_plane, namespace=namespace)) == 2)

    second = Replica(control_plane, namespace=namespace)
    async with second.running():
        await eventually(lambda: Key(namespace, "digits") in second.made[0].runs)

    assert len(writes(control_plane, namespace=namespace)) == 2


async def test_only_one_of_two_replicas_writes_and_the_other_takes_over(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    """The follower has a warm store and no runs until the leader leaves."""
    first = Replica(control_plane, namespace=namespace)
    async with first.running():
        await create_service(client, namespace=namespace)
        await eventually(lambda: exists(client, namespace))
        leader = (await client.get(LEASE, namespace=namespace, name="operator"))["spec"]
        assert leader["holderIdentity"] == first.settings.identity

    released = (await client.get(LEASE, namespace=namespace, name="operator"))["spec"]
    assert released.get("holderIdentity", "") == ""
    second = Replica(control_plane, namespace=namespace)
    async with second.running():
        await eventually(lambda: Key(namespace, "digits") in second.made[0].runs)


async def test_sigterm_ends_it_in_order_also_after_the_watch_took_the_signal(
    replica: Replica, client: Client, namespace: str
) -> None:
    before = asyncio.all_tasks()
    async with replica.running() as task:
        await create_service(client, namespace=namespace)
        await eventually(lambda: exists(client, namespace))  # so the watch has started
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.shield(task), 15)
    await eventually(lambda: asyncio.all_tasks() == before)
    lease = await client.get(LEASE, namespace=namespace, name="operator")
    assert lease["spec"].get("holderIdentity", "") == ""


async def test_probes_and_metrics(replica: Replica, client: Client, namespace: str) -> None:
    async with replica.running():
        assert await replica.answers("healthz")
        await create_service(client, namespace=namespace)
        await eventually(lambda: exists(client, namespace))

        async def told() -> bool:
            _, text = await replica.get(replica.settings.metrics_port, "metrics")
            return all(
                line in text
                for line in (
                    "modelservice_leader 1.0",
                    'modelservice_api_requests_total{code="201",kind="ConfigMap",verb="apply"}',
                    'modelservice_reconciles_total{lane="normal",result="ok"}',
                    'modelservice_queue_depth{lane="short"} 0.0',
                )
            )

        await eventually(told)
