"""Controllers, scheduler and kubelets in one small task, for when there are none.

It says of each Deployment of ours that what it wants is available, as soon as it sees it. So the
operator is measured alone with the API server. With `pods`, it also makes one running pod for a
Deployment, as large as real ones are, for the operator to remember.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from e2e.bench.session import MERGE, Refused, Session
from modelservice_operator.kube.kinds import DEPLOYMENT, POD

HANDS = 16
AGAIN = 0.1

Object = Mapping[str, Any]


class Stub:
    """Plays for one API server; `playing` makes one."""

    def __init__(self, session: Session, *, pods: bool) -> None:
        self._session = session
        self._pods = pods
        self._with_pod: set[str] = set()
        self._waiting: asyncio.Queue[Object] = asyncio.Queue()

    async def watch(self) -> None:
        """See Deployments, until cancelled."""
        path = DEPLOYMENT.collection()
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, Refused, ValueError):
                listed = await self._session.object("GET", path)
                for item in listed["items"]:
                    self._take(item)
                version = listed["metadata"]["resourceVersion"]
                async for event in self._session.events(path, version=version):
                    if event["type"] == "ERROR":
                        break
                    if event["type"] != "DELETED":
                        self._take(event["object"])
            await asyncio.sleep(AGAIN)

    async def work(self) -> None:
        """Say of what was seen that it is available, until cancelled."""
        while True:
            deployment = await self._waiting.get()
            # made anew, or deleted, meanwhile
            with contextlib.suppress(Refused):
                if self._pods and deployment["metadata"]["uid"] not in self._with_pod:
                    self._with_pod.add(deployment["metadata"]["uid"])
                    await self._make_pod(deployment)
                await self._say(deployment)

    def _take(self, deployment: Object) -> None:
        said = deployment.get("status", {}).get("observedGeneration", 0)
        if said < deployment["metadata"]["generation"]:
            self._waiting.put_nowait(deployment)

    async def _say(self, deployment: Object) -> None:
        metadata, count = deployment["metadata"], deployment["spec"].get("replicas", 1)
        body = json.dumps({"status": _available(metadata["generation"], count)}).encode()
        path = DEPLOYMENT.path(
            namespace=metadata["namespace"], name=metadata["name"], subresource="status"
        )
        await self._session.send("PATCH", path, body=body, content_type=MERGE)

    async def _make_pod(self, deployment: Object) -> None:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        replica_set = f"{metadata['name']}-6f7d8c9b5d"
        name = f"{replica_set}-x7k2p"
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": replica_set,
            "uid": str(uuid4()),
            "controller": True,
            "blockOwnerDeletion": False,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template["metadata"],
                "name": name,
                "namespace": metadata["namespace"],
                "ownerReferences": [owner],
            },
            "spec": {**template["spec"], "nodeName": "node-0"},
        }
        path = POD.collection(metadata["namespace"])
        await self._session.send("POST", path, body=json.dumps(pod).encode())
        status = json.dumps({"status": running(template["spec"])}).encode()
        path = POD.path(namespace=metadata["namespace"], name=name, subresource="status")
        await self._session.send("PATCH", path, body=status, content_type=MERGE)


@asynccontextmanager
async def playing(session: Session, *, pods: bool = False) -> AsyncIterator[Stub]:
    """Play for the length of an `async with`."""
    stub = Stub(session, pods=pods)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stub.watch())]
        tasks += [group.create_task(stub.work()) for _ in range(HANDS)]
        try:
            yield stub
        finally:
            for task in tasks:
                task.cancel()


def running(spec: Object) -> dict[str, Any]:
    """The status of a running, ready pod, as a kubelet writes it."""
    now = _now()
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
    return {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": None}
            for kind in (*conditions, "PodScheduled")
        ],
        "containerStatuses": [_running(item, now=now) for item in spec["containers"]],
        "initContainerStatuses": [
            _running(item, now=now) if item.get("restartPolicy") else _ended(item, now=now)
            for item in spec.get("initContainers", ())
        ],
        "hostIP": "198.18.127.1",
        "podIP": "198.18.128.7",
        "podIPs": [{"ip": "198.18.128.7"}],
        "startTime": now,
    }


def _available(generation: int, count: int) -> dict[str, Any]:
    now = _now()
    texts = {
        "Available": ("MinimumReplicasAvailable", "Deployment has minimum availability."),
        "Progressing": ("NewReplicaSetAvailable", "ReplicaSet has successfully progressed."),
    }
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {
        "observedGeneration": generation,
        **dict.fromkeys(counts, count),
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastUpdateTime": now,
                "lastTransitionTime": now,
            }
            for kind, (reason, message) in texts.items()
        ],
    }


def _running(container: Object, *, now: str) -> dict[str, Any]:
    return {
        **_common(container),
        "ready": True,
        "started": True,
        "state": {"running": {"startedAt": now}},
    }


def _ended(container: Object, *, now: str) -> dict[str, Any]:
    ended = {
        "exitCode": 0,
        "reason": "Completed",
        "message": '{"ok":true,"models":[]}',
        "startedAt": now,
        "finishedAt": now,
        "containerID": f"containerd://{uuid4().hex * 2}",
    }
    return {**_common(container), "ready": True, "started": False, "state": {"terminated": ended}}


def _common(container: Object) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"{container['image']}@sha256:{uuid4().hex * 2}",
        "containerID": f"containerd://{uuid4().hex * 2}",
        "restartCount": 0,
        "lastState": {},
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
