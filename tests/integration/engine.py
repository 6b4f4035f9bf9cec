"""What the engine's tests share: connections, writing as somebody else, waiting for effects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from e2e.cluster.controlplane import ControlPlane
from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.client import APPLY, Client
from modelservice_operator.kube.kinds import BY_NAME, MODEL_SERVICE, Kind
from tests.integration.children import service_spec

Manifest = dict[str, Any]


class Open:
    """A fence that lets everything through."""

    def check(self) -> None:
        pass


async def connect(plane: ControlPlane) -> Client:
    return await Client.connect(kubeconfig=str(plane.kubeconfig), user_agent="engine-tests")


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[Client]:
    """A client, and time for all connections to say goodbye before the event loop ends."""
    before = connections()
    client = await connect(plane)
    try:
        yield client
    finally:
        await client.close()
        await eventually(lambda: connections() <= before)


def connections() -> int:
    """How many TCP sockets this process has open."""
    tcp = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    inodes = {line.split()[9] for line in tcp}
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the iteration itself is gone by now
            found += str(file.readlink()).removeprefix("socket:[").removesuffix("]") in inodes
    return found


def writer(client: Client) -> Writer:
    return Writer(client, fence=Open())


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 20.0
) -> None:
    """Return when `condition` holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(within):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.02)


async def post(client: Client, manifest: Manifest, *, manager: str = "kubectl-create") -> Manifest:
    """Create as somebody else would."""
    kind = BY_NAME[manifest["kind"]]
    return await client.request(
        "POST",
        kind.collection(manifest["metadata"]["namespace"]),
        kind=kind.kind,
        body=manifest,
        query={"fieldManager": manager},
    )


async def apply_as(client: Client, manifest: Manifest, *, manager: str) -> Manifest:
    """A forced apply by another field manager."""
    kind = BY_NAME[manifest["kind"]]
    metadata = manifest["metadata"]
    return await client.request(
        "PATCH",
        kind.path(namespace=metadata["namespace"], name=metadata["name"]),
        kind=kind.kind,
        body={"apiVersion": kind.api_version, **manifest},
        query={"fieldManager": manager, "force": "true"},
        content_type=APPLY,
    )


async def remove(client: Client, kind: Kind, *, namespace: str, name: str) -> None:
    path = kind.path(namespace=namespace, name=name)
    await client.request("DELETE", path, kind=kind.kind, query={"propagationPolicy": "Background"})


async def create_service(client: Client, *, namespace: str, name: str = "digits") -> Manifest:
    """A ModelService as a user makes it."""
    return await post(
        client,
        {
            "apiVersion": MODEL_SERVICE.api_version,
            "kind": MODEL_SERVICE.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": service_spec(),
        },
    )
