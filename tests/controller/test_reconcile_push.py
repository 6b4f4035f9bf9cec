"""From another spec to what pods are pushed: the real reconcile, over HTTP to an API server that
keeps what it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelservice_operator.api import names
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.push import Pusher
from modelservice_operator.controller.reconcile import Reconciler
from modelservice_operator.controller.signing import Signer
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.lease import Alone
from modelservice_operator.metrics import Metrics
from modelservice_operator.observed.pods import rfc3339
from modelservice_operator.view import Key
from modelservice_runtime.document import Document
from modelservice_runtime.places import Places
from modelservice_runtime.triton import admin
from modelservice_runtime.triton.push import Pushes
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import Wanted
from tests.kube.test_client import client_of
from tests.runtime.s3 import free_port
from tests.world import PLATFORM, SHA, START, service

KEY = Key("default", "svc")
OTHER = "b" * 64
Manifest = dict[str, Any]


class ApiServer:
    """Objects by path, as they were applied. Nobody else writes any."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        self.version = 100

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            return web.json_response(self.objects.pop(request.path))
        body = await request.json()
        path = request.path.removesuffix("/status")
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
        self.version += 1
        before = self.objects.get(path, {})
        if request.path.endswith("/status"):
            body = {**before, "status": body["status"]}
        fields: Manifest = {f"f:{name}": {} for name in body if name not in ("kind", "apiVersion")}
        fields["f:metadata"] = {
            f"f:{name}": {}
            for name in body["metadata"]
            if name in ("labels", "annotations", "ownerReferences")
        }
        owned = {"manager": names.MANAGER, "operation": "Apply", "fieldsV1": fields}
        head = {
            **body["metadata"],
            "uid": before.get("metadata", {}).get("uid", f"uid-{self.version}"),
            "resourceVersion": str(self.version),
            "creationTimestamp": rfc3339(START),
            "managedFields": [owned],
        }
        status = body.get("status", before.get("status", {}))
        self.objects[path] = {**body, "metadata": head, "status": status}
        return web.json_response(self.objects[path])

    def only(self, kind: str) -> Manifest:
        (found,) = (item for item in self.objects.values() if item["kind"] == kind)
        return found


class Cluster:
    """One service and its pods; `told` plays the poller."""

    def __init__(self, server: ApiServer, *, store: Store, reconcile: Reconciler) -> None:
        self.server = server
        self.store = store
        self.reconcile = reconcile
        self.generation = 0

    async def wants(self, sha: str) -> None:
        """A user's spec, and what the operator makes of it."""
        self.generation += 1
        models = [{"name": "m", "source": {"uri": "s3://models/m.onnx", "sha256": sha}}]
        manifest = service(models=models, serving={"replicas": 2})
        manifest["metadata"] |= {
            "generation": self.generation,
            "resourceVersion": self._next(),
            "creationTimestamp": rfc3339(START),
        }
        path = f"/apis/{names.API_VERSION}/namespaces/default/modelservices/svc"
        status = self.server.objects.get(path, {}).get("status", {})
        self.server.objects[path] = {**manifest, "status": status}
        self.store.put(names.KIND_SERVICE, self.server.objects[path])
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            if await self.reconcile(KEY) != 0.0:
                return
        raise AssertionError("it does not settle")

    def run_pods(self) -> None:
        deployment = self.server.only("Deployment")
        template = deployment["spec"]["template"]["metadata"]
        revision = template["labels"][names.LABEL_REVISION]
        ended = {"exitCode": 0, "message": json.dumps({"ok": True, "revision": revision})}
        for uid in ("p1", "p2"):
            head = {"name": uid, "namespace": "default", "uid": uid, "labels": template["labels"]}
            status = {
                "phase": "Running",
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": "True"}],
                "initContainerStatuses": [{"name": "fetch", "state": {"terminated": ended}}],
            }
            head["resourceVersion"] = self._next()
            self.store.put("Pod", {"metadata": head, "status": status})
        deployment["metadata"]["resourceVersion"] = self._next()
        deployment["status"] = {"replicas": 2, "availableReplicas": 2}
        self.store.put("Deployment", deployment)

    async def told(self, **pods: Manifest) -> None:
        for uid, told in pods.items():
            self.store.put_progress(uid, told)
        await self.settle()

    def orders(self) -> dict[str, str]:
        """By pod, the revision that it is to be told now."""
        return {probe.uid: order.revision for probe, order in self.store.untold()}

    def status(self) -> Manifest:
        return dict(self.server.only(names.KIND_SERVICE)["status"])

    def document(self) -> str:
        return str(self.server.only("ConfigMap")["data"]["models.json"])

    def _next(self) -> str:
        self.server.version += 1
        return str(self.server.version)


@asynccontextmanager
async def serving(push_keys: tuple[str, ...] = ("AAAA",)) -> AsyncIterator[Cluster]:
    """A service that is Ready, with two pods that can reload."""
    server, store = ApiServer(), Store()
    async with client_of(server.answer) as client:
        platform = replace(PLATFORM, namespace="home", push_keys=push_keys)
        reconcile = Reconciler(
            store=store,
            executor=Executor(client=client, writer=Writer(client, fence=Alone()), store=store),
            events=Events(client, instance="test"),
            metrics=Metrics(),
            platform=platform,
            clock=lambda: START + server.version,
        )
        cluster = Cluster(server, store=store, reconcile=reconcile)
        await cluster.wants(SHA)
        cluster.run_pods()
        await cluster.settle()
        yield cluster


async def test_pods_that_are_done_one_after_the_other_are_all_done() -> None:
    """The harm: what one pod told was forgotten when it was done, so that it was asked again while
    the next one was done, and so on: a reload of two pods never ended."""
    async with serving() as cluster:
        await cluster.wants(OTHER)
        done = {"revision": json.loads(cluster.document())["revision"], "change": {}}
        await cluster.told(p1=done)
        assert cluster.status()["models"][0]["loadedReplicas"] == 1
        await cluster.told(p2=done)
        assert cluster.status()["models"][0]["loadedReplicas"] == 2
        assert "rollout" not in cluster.status()


async def test_pods_are_told_in_the_pass_that_wrote_it() -> None:
    async with serving() as cluster:
        assert cluster.orders() == {}
        await cluster.wants(OTHER)

        wanted = json.loads(cluster.document())
        assert wanted["models"][0]["digest"] == f"sha256:{OTHER}"
        assert cluster.orders() == {"p1": wanted["revision"], "p2": wanted["revision"]}
        assert {order.document for _, order in cluster.store.untold()} == {cluster.document()}

        done = {"revision": wanted["revision"], "change": {}}
        await cluster.told(p1=done)
        assert cluster.orders().keys() == {"p2"}
        await cluster.told(p2=done)
        assert cluster.orders() == {}


async def test_what_a_pod_told_before_is_not_believed_of_what_came_after() -> None:
    """The harm: back to the first models amid a reload; a pod that is about to take over the others
    said a second ago that it has the first, and it is not told."""
    async with serving() as cluster:
        first = json.loads(cluster.document())["revision"]
        await cluster.wants(OTHER)
        await cluster.told(p1={"revision": first, "change": {}})

        await cluster.wants(SHA)
        assert cluster.orders() == {"p1": first, "p2": first}


async def test_an_agent_reads_what_the_operator_writes(tmp_path: Path) -> None:
    """Both halves: the ConfigMap as it is mounted, and the push of the one that follows."""
    signer = Signer([Ed25519PrivateKey.generate()])
    async with serving(push_keys=signer.public) as cluster, AsyncExitStack() as stack:
        mounted = tmp_path / "models.json"
        for name, text in cluster.server.only("ConfigMap")["data"].items():
            (tmp_path / name).write_text(text)
        repository, in_force = Repository(tmp_path), mounted.read_text()
        wanted = Wanted(mounted=mounted, repository=repository, in_force=in_force)
        document, keys = Document.parse_text(in_force), Places(document=mounted).push_keys
        pushes = Pushes(pod="p1", document=document, keys=keys, wanted=wanted)
        port = free_port()
        await admin.serve(stack, pushes, port=port)
        await cluster.wants(OTHER)

        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            pusher = Pusher(
                store=cluster.store,
                signer=signer,
                session=session,
                fence=Alone(),
                metrics=Metrics(),
                port=port,
            )
            pusher.push_due(tasks)
        assert wanted.newest()[1] == cluster.document() != mounted.read_text()
        assert wanted.taken == {"push": 1, "mount": 0}
        assert +pushes.refused == {"WrongPod": 1}  # that of p2, which has the same address here
