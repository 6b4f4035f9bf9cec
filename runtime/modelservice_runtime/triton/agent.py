"""`modelservice-agent`: the sidecar of a serving pod; it owns Triton's repository.

    models.json → a keeper a model ⇄ Triton (its restricted repository API)
    :8003 /healthz /readyz /models /drain        :8002 /metrics (Triton's and ours)

It starts before Triton and must be up without it. It ends after it: the kubelet stops sidecars
when the main container has ended, so SIGTERM means that nothing is left to do.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from modelservice_runtime import logs
from modelservice_runtime.document import Document, Model
from modelservice_runtime.places import Places
from modelservice_runtime.triton import server
from modelservice_runtime.triton.client import Triton
from modelservice_runtime.triton.drain import Drain, Limits
from modelservice_runtime.triton.keeper import Keeper
from modelservice_runtime.triton.pulse import Pulse


@dataclass(frozen=True)
class Ports:
    """Where Triton and this agent listen."""

    triton: int = 8000
    triton_grpc: int = 8001
    triton_metrics: int = 8012
    metrics: int = 8002
    probes: int = 8003


def main() -> None:
    """Run as a container's command."""
    logs.configure()
    places = Places()
    asyncio.run(run(Document.read(places.document), places=places, environ=os.environ))


async def run(
    document: Document, *, places: Places, environ: Mapping[str, str], ports: Ports | None = None
) -> None:
    """Keep the document's models loaded, and answer about them, until SIGTERM."""
    ports = ports or Ports()
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
        pod = server.Pod(
            document=document,
            triton=triton,
            keepers=_keepers(document.models, triton=triton, models=places.models),
            drain=Drain(server=triton, limits=Limits.of(environ)),
        )
        for app, port in (
            (server.metrics(pod), ports.metrics),
            (server.probes(pod), ports.probes),  # the last, so that "alive" means all of it
        ):
            await _serve(stack, app=app, port=port)
        await _keep(pod.keepers, stop=stop)


def _keepers(wanted: Sequence[Model], *, triton: Triton, models: Path) -> tuple[Keeper, ...]:
    """One a model; members stand before the ensembles that run them."""
    keepers: dict[str, Keeper] = {}
    for model in wanted:
        keepers[model.name] = Keeper(
            model,
            server=triton,
            pulse=Pulse(model.folder(models), instances=model.instance_count),
            members=[keepers[name] for name in sorted(model.members)],
        )
    return tuple(keepers.values())


async def _serve(stack: AsyncExitStack, *, app: web.Application, port: int) -> None:
    # Nobody is left to answer when SIGTERM comes: close connections instead of waiting for them.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


async def _keep(keepers: tuple[Keeper, ...], *, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keeper.run()) for keeper in keepers]
        await stop.wait()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    main()
