"""A small Triton: its health and metrics over HTTP, its restricted repository over gRPC.

It speaks the real protocols on real ports, so that the agent's whole way is tested without the
server's image; e2e does the same with the real one.
"""

from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web
from tritonclient.grpc import service_pb2, service_pb2_grpc

KEY = "the-key"
METRICS = "# TYPE nv_inference_count counter\nnv_inference_count 7\n"


@dataclass
class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """`broken` maps models to the error that a load of theirs gets."""

    http: int
    grpc: int
    metrics: int
    broken: dict[str, str] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    keys: list[Any] = field(default_factory=list)

    async def start(self) -> None:
        """Listen, with no model loaded."""
        self.ready = set()
        self._rpc = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._rpc)
        self._rpc.add_insecure_port(f"127.0.0.1:{self.grpc}")
        await self._rpc.start()
        health, metrics = web.Application(), web.Application()
        health.add_routes(
            [
                web.get("/v2/health/live", self._live),
                web.get("/v2/models/{model}/versions/{version}/ready", self._is_ready),
            ]
        )
        metrics.add_routes([web.get("/metrics", self._metrics)])
        self._runners = [web.AppRunner(app) for app in (health, metrics)]
        for runner, port in zip(self._runners, (self.http, self.metrics), strict=True):
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()

    async def kill(self) -> None:
        """Be gone at once."""
        for runner in self._runners:
            await runner.cleanup()
        await self._rpc.stop(None)

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:
        headers = dict(context.invocation_metadata())
        self.keys.append(headers.get("triton-grpc-protocol-x-modelservice-key"))
        if request.model_name in self.broken:
            await context.abort(grpc.StatusCode.INTERNAL, self.broken[request.model_name])
        self.ready.add(request.model_name)
        return service_pb2.RepositoryModelLoadResponse()

    async def _live(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _is_ready(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["model"] in self.ready else 400)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=METRICS)
