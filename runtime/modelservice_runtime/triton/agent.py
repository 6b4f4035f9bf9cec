"""`modelservice-agent`: the sidecar of a serving pod; it owns Triton's repository.

    models.json, :8004 /document (pushed by the operator)
        → wanted → reload → a keeper a model ⇄ Triton (its restricted repository API)
    :8003 /healthz /readyz /models /drain        :8002 /metrics (Triton's and ours) /models

It starts before Triton and must be up without it. It ends after it: the kubelet stops sidecars
when the main container has ended, so SIGTERM means that nothing is left to do.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from modelservice_runtime import logs
from modelservice_runtime.artifacts.bring import Policy
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.document import Document, Model
from modelservice_runtime.places import Places
from modelservice_runtime.triton import admin, server
from modelservice_runtime.triton.client import Triton
from modelservice_runtime.triton.drain import Drain, Limits
from modelservice_runtime.triton.keeper import Keeper
from modelservice_runtime.triton.models import Models
from modelservice_runtime.triton.pulse import Pulse
from modelservice_runtime.triton.push import Pushes
from modelservice_runtime.triton.reload import Reload, Surroundings
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import Wanted


@dataclass(frozen=True)
class Ports:
    """Where Triton and this agent listen."""

    triton: int = 8000
    triton_grpc: int = 8001
    triton_metrics: int = 8012
    metrics: int = 8002
    probes: int = 8003
    admin: int = 8004


def main() -> None:
    """Run as a container's command."""
    logs.configure()
    places = Places()
    asyncio.run(run(places=places, environ=os.environ))


async def run(
    *,
    places: Places,
    environ: Mapping[str, str],
    policy: Policy = Network.of,
    ports: Ports | None = None,
) -> None:
    """Keep the wanted models loaded, and answer about them, until SIGTERM."""
    ports = ports or Ports()
    repository = Repository(places.models)
    repository.put_all_back()
    # What fetch brought, or an earlier run of this agent changed to; the mount may be newer.
    in_force = repository.in_force() or places.document.read_text()
    document = Document.parse_text(in_force)
    wanted = Wanted(mounted=places.document, repository=repository, in_force=in_force)
    uid = environ.get("MODELSERVICE_POD_UID", "")
    pushes = Pushes(pod=uid, document=document, keys=places.push_keys, wanted=wanted)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        triton = Triton(
            session=session,
            url=f"http://127.0.0.1:{ports.triton}",
            grpc=f"127.0.0.1:{ports.triton_grpc}",
            metrics_url=f"http://127.0.0.1:{ports.triton_metrics}/metrics",
            key=places.key,
        )
        models = Models(document, make=partial(_keeper, triton=triton, models=places.models))
        drain = Drain(server=triton, limits=Limits.of(environ))
        reload = Reload(
            models,
            server=triton,
            repository=repository,
            wanted=wanted,
            surroundings=Surroundings(environ=environ, policy=policy),
            may_change=lambda: not drain.draining,
        )
        pod = server.Pod(
            models=models,
            reload=reload,
            triton=triton,
            drain=drain,
            wanted=wanted,
            pushes=pushes,
        )
        await admin.serve(stack, pushes, port=ports.admin)
        for app, port in (
            (server.metrics(pod), ports.metrics),
            (server.probes(pod), ports.probes),  # the last, so that "alive" means all of it
        ):
            await _serve(stack, app=app, port=port)
        await _until(stop, models.run(), reload.run())


def _keeper(
    model: Model, members: Callable[[], Sequence[Keeper]], *, triton: Triton, models: Path
) -> Keeper:
    pulse = Pulse(model.folder(models), instances=model.instance_count)
    return Keeper(model, server=triton, pulse=pulse, members=members)


async def _serve(stack: AsyncExitStack, *, app: web.Application, port: int) -> None:
    # Nobody is left to answer when SIGTERM comes: close connections instead of waiting for them.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


async def _until(stop: asyncio.Event, *work: Coroutine[None, None, None]) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    main()
