"""Two small HTTP servers: probes for the kubelet, metrics for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from modelservice_operator.metrics import Metrics


def probes(*, ready: Callable[[], bool]) -> web.Application:
    """`/healthz` answers while the event loop turns; `/readyz` once the store is primed.

    A follower is ready too: it stands by with a warm store.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok")
        return web.Response(status=503, text="the store is not primed yet")

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application


def metrics_page(metrics: Metrics) -> web.Application:
    """`/metrics` in Prometheus' text format."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", page)
    return application


@asynccontextmanager
async def serving(
    application: web.Application, *, host: str | None, port: int
) -> AsyncIterator[int]:
    """Serve for the length of the block; the port, which the system chooses where it is 0."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
