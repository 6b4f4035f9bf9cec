"""A small Triton: its health and metrics over HTTP, its restricted repository over gRPC.

It speaks the real protocols on real ports, so that the agent's whole way is tested without the
server's image; e2e does the same with the real one.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from aiohttp import web
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

KEY = "the-key"
METRICS = "# TYPE nv_inference_count counter\nnv_inference_count 7\n"


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """`broken` maps models to the error that a load of theirs gets, `ready` to the versions that a
    load found in their configuration (None: it has none, and any version is there)."""

    http: int
    grpc: int
    metrics: int
    models: Path | None = None
    broken: dict[str, str] = field(default_factory=dict)
    ready: dict[str, frozenset[int] | None] = field(default_factory=dict)
    # a load begins, and goes on once this is set
    gate: asyncio.Event = field(default_factory=_open)
    loading: str | None = None
    keys: list[Any] = field(default_factory=list)

    async def start(self) -> None:
        """Listen, with no model loaded."""
        self.ready = {}
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
        name = request.model_name
        self.loading = name
        await self.gate.wait()
        self.loading = None
        versions = self._configured(name)
        for broken in (name, *(f"{name}/{version}" for version in versions or ())):
            if broken in self.broken:
                await context.abort(grpc.StatusCode.INTERNAL, self.broken[broken])
        self.ready[name] = versions
        return service_pb2.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(self, request: Any, context: Any) -> Any:
        self.ready.pop(request.model_name, None)
        return service_pb2.RepositoryModelUnloadResponse()

    def _configured(self, model: str) -> frozenset[int] | None:
        """The versions that the model's configuration names, which must lie beside it."""
        if self.models is None:
            return None
        text = (self.models / model / "config.pbtxt").read_text()
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        versions = frozenset(config.version_policy.specific.versions)
        assert all((self.models / model / str(version)).is_dir() for version in versions)
        return versions

    async def _live(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _is_ready(self, request: web.Request) -> web.Response:
        model, version = request.match_info["model"], int(request.match_info["version"])
        versions = self.ready.get(model, frozenset())
        return web.Response(status=200 if versions is None or version in versions else 400)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=METRICS)
