"""What the agent answers over HTTP: probes, the state of the models, draining, metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from modelservice_runtime.triton import metrics as exposition
from modelservice_runtime.triton.client import Triton
from modelservice_runtime.triton.drain import Drain
from modelservice_runtime.triton.keeper import Keeper, Phase
from modelservice_runtime.triton.models import Models
from modelservice_runtime.triton.push import Pushes
from modelservice_runtime.triton.reload import Reload
from modelservice_runtime.triton.wanted import Wanted


@dataclass(frozen=True)
class Pod:
    """This pod: what it serves, and how far it is."""

    models: Models
    reload: Reload
    triton: Triton
    drain: Drain
    wanted: Wanted
    pushes: Pushes

    async def obstacles(self) -> list[str]:
        """Why the pod should get no requests now; empty when it is ready."""
        if self.drain.draining:
            return ["The pod is being drained."]
        if not await self.triton.live():
            return ["Triton does not answer."]
        keepers = self.models.keepers
        ready = await asyncio.gather(*(_ready(keeper) for keeper in keepers))
        return [
            f"{keeper.model.name} version {keeper.model.version} is {keeper.state.phase}."
            if keeper.state.phase is not Phase.READY
            else f"{keeper.model.name} version {keeper.model.version} does not answer."
            for keeper, is_ready in zip(keepers, ready, strict=True)
            if not is_ready
        ]


async def _ready(keeper: Keeper) -> bool:
    # Asked anew, since a Triton that crashed and came back a moment ago has nothing loaded.
    return keeper.ready and await keeper.answers()


def probes(pod: Pod) -> web.Application:
    """`/healthz`, `/readyz`, `/models` and `/drain`."""

    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        obstacles = await pod.obstacles()
        return web.Response(
            status=503 if obstacles else 200, text="\n".join(obstacles or ["ok"]) + "\n"
        )

    async def drain(request: web.Request) -> web.Response:
        # A preStop hook has no use for an error: Triton is stopped after it in any case.
        drained = await pod.drain.run()
        return web.Response(text="drained\n" if drained else "requests are still in flight\n")

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/models", _models(pod)),
            web.get("/drain", drain),
        ]
    )
    return app


def metrics(pod: Pod) -> web.Application:
    """`/metrics`: Triton's and ours in one scrape; and `/models`, for those who may reach no more
    than this port."""

    async def scrape(request: web.Request) -> web.Response:
        triton = await pod.triton.metrics()
        ours = exposition.of(
            pod.models.keepers,
            draining=pod.drain.draining,
            up=triton is not None,
            documents=pod.wanted.taken,
            refused=pod.pushes.refused,
        )
        return web.Response(
            body=(triton or "").encode() + ours,
            headers={"Content-Type": exposition.CONTENT_TYPE},
        )

    app = web.Application()
    app.add_routes([web.get("/metrics", scrape), web.get("/models", _models(pod))])
    return app


def _models(pod: Pod) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def models(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "revision": pod.models.document.revision,
                "draining": pod.drain.draining,
                "models": [keeper.document() for keeper in pod.models.keepers],
                "change": pod.reload.document(),
            }
        )

    return models
