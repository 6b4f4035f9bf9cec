"""The registry, by a whole replica against a real API server: references, grants, who uses what."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from e2e.cluster.controlplane import ControlPlane, free_ports
from modelservice_operator import app
from modelservice_operator.api import parse_service
from modelservice_operator.controller.reconcile import Reconciler
from modelservice_operator.controller.signing import Signer
from modelservice_operator.desired.runs import run_hash
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_GRANT,
    MODEL_SERVICE,
    MODEL_VERSION,
    Kind,
)
from modelservice_operator.settings import Settings
from modelservice_operator.view import Manifest
from tests import world
from tests.integration.engine import eventually, post, remove
from tests.world import PLATFORM


class Site:
    """Two namespaces, and an operator for them."""

    def __init__(self, plane: ControlPlane, *, client: Client, namespace: str) -> None:
        self.plane = plane
        self.client = client
        self.home = namespace
        self.other = f"{namespace}-registry"
        plane.client.apply(
            f"/api/v1/namespaces/{self.other}",
            body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.other}},
        )

    @asynccontextmanager
    async def operated(self) -> AsyncIterator[None]:
        health, metrics = free_ports(2)
        settings = Settings(
            namespace=self.home,
            lease_name="operator",
            identity=f"replica-{uuid4().hex[:8]}",
            platform_file=Path("unused"),
            kubeconfig=str(self.plane.kubeconfig),
            host="127.0.0.1",
            health_port=health,
            metrics_port=metrics,
        )
        run = app.run(settings, platform=PLATFORM, signer=Signer(), make_reconcile=Reconciler)
        task = asyncio.create_task(run)
        try:
            yield
        finally:
            if not task.done():
                signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(task, 15)

    async def publish(self, name: str, number: int, *, namespace: str = "", **more: Any) -> None:
        version = world.version(name, number, namespace=namespace or self.home, **more)
        await self._post(MODEL_VERSION, version)

    async def grant(self, *to: Manifest) -> None:
        await self._post(MODEL_GRANT, world.grant(*to, namespace=self.other))

    async def trained(self, service_name: str, number: int, *, run: str) -> None:
        """A version as a training of model `m` publishes it."""
        labels = {
            "app.kubernetes.io/managed-by": "modelservice-operator",
            "modelservice.io/name": service_name,
        }
        name = f"{service_name}-m-{number}"
        version = world.version(name, number, namespace=self.home, model="m", labels=labels)
        version["spec"]["lineage"] = {"service": service_name, "run": run}
        await self._post(MODEL_VERSION, version)

    async def serve(self, service_name: str, **ref: Any) -> None:
        await self.make(service_name, *world.referring(**ref))

    async def make(self, service_name: str, *models: Manifest) -> None:
        service = world.service(models=list(models))
        service["metadata"] = {"name": service_name, "namespace": self.home}
        await post(self.client, service)

    async def _post(self, kind: Kind, obj: Manifest) -> None:
        for field in ("uid", "creationTimestamp"):
            obj["metadata"].pop(field, None)
        await post(self.client, {"apiVersion": kind.api_version, "kind": kind.kind, **obj})

    async def wants(self, name: str) -> list[str]:
        """URIs of the models that a service's revisions are to serve."""
        deployments = await self._of(DEPLOYMENT, name)
        configs = {item["metadata"]["name"]: item for item in await self._of(CONFIG_MAP, name)}
        documents = [
            json.loads(configs[item["metadata"]["name"]]["data"]["models.json"])
            for item in deployments
            if item["metadata"]["name"] in configs
        ]
        return [model["uri"] for document in documents for model in document["models"]]

    async def reason(self, name: str) -> str:
        service = await self.client.get(MODEL_SERVICE, namespace=self.home, name=name)
        conditions = service.get("status", {}).get("conditions", ())
        return next((item["reason"] for item in conditions if item["type"] == "Ready"), "")

    async def versions(self) -> list[str]:
        path = MODEL_VERSION.collection(self.home)
        answer = await self.client.request("GET", path, kind="ModelVersion")
        return sorted(item["metadata"]["name"] for item in answer["items"])

    async def collect(self, name: str) -> None:
        """As the garbage collector does, for the records of a service's revisions."""
        for item in await self._of(CONTROLLER_REVISION, name):
            where = {"namespace": self.home, "name": item["metadata"]["name"]}
            await remove(self.client, CONTROLLER_REVISION, **where)

    async def usage(self, name: str, *, namespace: str = "") -> Manifest:
        found = await self.client.get(MODEL_VERSION, namespace=namespace or self.home, name=name)
        return dict(found.get("status", {}))

    def used(self, *names: str) -> Manifest:
        """The status of a version that these services of ours serve."""
        users = [f"{self.home}/{name}" for name in sorted(names)]
        return {**({"usedBy": users} if users else {}), "users": len(users)}

    def writes(self) -> list[str]:
        """(verb, resource) of the operator's writes in both namespaces, its Lease left out."""
        found = []
        for line in self.plane.audit_log.read_text().splitlines():
            event = json.loads(line)
            target = event.get("objectRef", {})
            if (
                event["stage"] == "ResponseComplete"
                and event.get("userAgent") == "modelservice-operator"
                and event["verb"] not in {"get", "list", "watch"}
                and target.get("namespace") in {self.home, self.other}
                and target.get("resource") not in {"leases", "events"}
            ):
                found.append(f"{event['verb']} {target['resource']} {target.get('name')}")
        return found

    async def _of(self, kind: Kind, service: str) -> list[Manifest]:
        answer = await self.client.request(
            "GET",
            kind.collection(self.home),
            kind=kind.kind,
            query={"labelSelector": f"modelservice.io/name={service}"},
        )
        items: list[Manifest] = answer["items"]
        return items


@pytest.fixture
def site(control_plane: ControlPlane, client: Client, namespace: str) -> Site:
    return Site(control_plane, client=client, namespace=namespace)


def shows(read: Callable[[], Any], expected: object) -> Callable[[], Any]:
    async def holds() -> bool:
        return bool(await read() == expected)

    return holds


async def test_a_service_waits_for_its_version_and_moves_to_newer_ones(site: Site) -> None:
    async with site.operated():
        await site.serve("digits", selector={"model": "digits"})
        await eventually(shows(partial(site.reason, "digits"), "VersionMissing"))

        await site.publish("v1", 1)
        await eventually(shows(partial(site.wants, "digits"), ["s3://models/v1.onnx"]))
        await eventually(shows(partial(site.usage, "v1"), site.used("digits")))

        await site.publish("v2", 2)
        await eventually(shows(partial(site.wants, "digits"), ["s3://models/v2.onnx"]))
        await eventually(shows(partial(site.usage, "v2"), site.used("digits")))
        await eventually(shows(partial(site.usage, "v1"), site.used()))


async def test_of_another_namespace_only_what_is_granted_is_served(site: Site) -> None:
    away = {"namespace": site.other}
    async with site.operated():
        await site.publish("v1", 1, **away)
        await site.serve("digits", name="v1", **away)
        await eventually(shows(partial(site.reason, "digits"), "NotGranted"))
        assert await site.wants("digits") == []

        await site.grant({"name": "v1"})
        await eventually(shows(partial(site.wants, "digits"), ["s3://models/v1.onnx"]))
        await eventually(shows(partial(site.usage, "v1", **away), site.used("digits")))

        await remove(site.client, MODEL_GRANT, namespace=site.other, name="grant")
        await eventually(shows(partial(site.reason, "digits"), "NotGranted"))
        assert await site.wants("digits") == ["s3://models/v1.onnx"], "what runs stays"
        assert await site.usage("v1", **away) == site.used("digits")


async def test_two_services_that_come_at_once_are_both_told(site: Site) -> None:
    names = [f"s{number}" for number in range(6)]
    async with site.operated():
        await site.publish("v1", 1)
        await asyncio.gather(*(site.serve(name, name="v1") for name in names))
        await eventually(shows(partial(site.usage, "v1"), site.used(*names)))
        told = [write for write in site.writes() if "modelversions v1" in write]
        assert len(told) <= 3, "one write tells of many"


async def test_a_training_keeps_what_is_used_and_what_users_published(site: Site) -> None:
    training = {"recipe": "cnn", "dataset": {"uri": "s3://data/d.npz"}}
    model = {"name": "m", "training": {**training, "retention": {"keep": 1}}}
    done = run_hash(parse_service(world.service(models=[model])).spec.models[0].training)
    for number in range(1, 5):
        run = done if number == 4 else f"run-{number}"
        await site.trained("digits", number, run=run)
    await site.publish("published", 1, model="m", labels={"modelservice.io/name": "digits"})
    async with site.operated():
        await site.serve("other", name="digits-m-2")
        await eventually(shows(partial(site.usage, "digits-m-2"), site.used("other")))
        await site.make("digits", model)
        kept = ["digits-m-2", "digits-m-4", "published"]
        await eventually(shows(site.versions, kept))
        await eventually(shows(partial(site.usage, "digits-m-4"), site.used("digits")))
        assert await site.versions() == kept

        await remove(site.client, MODEL_SERVICE, namespace=site.home, name="other")
        await site.collect("other")
        await eventually(shows(site.versions, ["digits-m-4", "published"]))


async def test_a_restart_writes_nothing_and_a_status_is_mended(site: Site) -> None:
    async with site.operated():
        await site.publish("v1", 1)
        await site.serve("digits", name="v1")
        await eventually(shows(partial(site.usage, "v1"), site.used("digits")))
    before = site.writes()
    async with site.operated():
        await site.publish("unused", 7)
        await site.serve("other", name="unused")
        await eventually(shows(partial(site.usage, "unused"), site.used("other")))
        again = site.writes()[len(before) :]
        assert [write for write in again if "digits" in write or "v1" in write] == []

        path = MODEL_VERSION.path(namespace=site.home, name="v1", subresource="status")
        await site.client.request(
            "PATCH",
            path,
            kind="ModelVersion",
            body={"status": {"usedBy": None, "users": None}},
            content_type="application/merge-patch+json",
        )
        await eventually(shows(partial(site.usage, "v1"), site.used("digits")))
