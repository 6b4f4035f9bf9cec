"""The client against a server that misbehaves as API servers and what stands before them do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from modelservice_operator.controller.delta import Apply, Change, Delete
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.health import serving
from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import Forbidden, Throttled, Unavailable
from modelservice_operator.kube.kinds import BY_NAME
from modelservice_operator.kube.lease import Alone

CONFIG_MAP = BY_NAME["ConfigMap"]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(answer: Answer) -> AsyncIterator[Client]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with serving(application, host="127.0.0.1", port=0) as port:
        client = Client(Configuration(host=f"http://127.0.0.1:{port}"), user_agent="test")
        yield client
        await client.close()


def always(**response: Any) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(**response)

    return answer


async def get(client: Client) -> dict[str, Any]:
    return await client.get(CONFIG_MAP, namespace="default", name="x")


async def test_a_proxys_page_is_no_answer() -> None:
    async with client_of(always(status=502, text="<html>Bad Gateway</html>")) as client:
        with pytest.raises(Unavailable, match="Bad Gateway"):
            await get(client)


async def test_a_cut_answer_is_no_answer() -> None:
    async with client_of(always(text='{"kind": "Config')) as client:
        with pytest.raises(Unavailable, match="not JSON"):
            await get(client)


async def test_a_cut_connection_is_no_answer() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with client_of(answer) as client:
        with pytest.raises(Unavailable):
            await get(client)


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    gate = asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    async with client_of(answer) as client:
        with pytest.raises(Unavailable):
            await client.request("GET", "/", kind="ConfigMap", within=0.05)
        gate.set()


async def test_nothing_is_tried_again_by_the_client_itself() -> None:
    asked = 0

    async def answer(_: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "3"}, text="{}")

    async with client_of(answer) as client:
        with pytest.raises(Throttled) as caught:
            await get(client)
    assert caught.value.retry_after == 3.0
    assert asked == 1


async def test_a_rotated_token_is_used_by_client_and_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod's token changes about hourly; both read it again, at most once a minute."""
    token, certificate = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("old")
    certificate.write_text("unused")
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}")

    loader = InClusterConfigLoader(
        token_filename=str(token),
        cert_filename=str(certificate),
        environ={"KUBERNETES_SERVICE_HOST": "x", "KUBERNETES_SERVICE_PORT": "1"},
    )
    async with client_of(answer) as client:
        configuration = Configuration()
        loader.load_and_set(configuration)
        server = client.server
        configuration.host, configuration.ssl_ca_cert = server, None
        monkeypatch.setattr(loader, "host", server)
        monkeypatch.setattr(loader, "ssl_ca_cert", None)
        in_pod = Client(configuration, user_agent="test")
        async with in_pod.open_session() as session:
            await get(in_pod)
            await (await session.get(server)).read()
            token.write_text("new")
            monkeypatch.setattr(loader, "token_expires_at", loader.token_expires_at.min)
            await get(in_pod)
            await (await session.get(server)).read()
        await in_pod.close()
    assert seen == ["bearer old", "bearer old", "bearer new", "bearer new"]


def change() -> Change:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "default"},
    }
    apply = Apply(manifest=manifest, stage=0, mode="apply", exists=True, uid="u")
    return Change(applies=(apply,))


def deletion() -> Change:
    return Change(deletes=(Delete(kind="ConfigMap", name="x", namespace="default", uid="u"),))


@pytest.mark.parametrize("write", [change(), deletion()], ids=["apply", "delete"])
@pytest.mark.parametrize("readyz", [403, 500])
async def test_an_api_server_that_starts_up_refuses_nothing_for_good(
    write: Change, readyz: int
) -> None:
    """Before it knows our rights it answers 403: to say so in a status would be a false alarm."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=readyz if request.path == "/readyz" else 403)

    async with client_of(answer) as client:
        executor = Executor(client=client, writer=Writer(client, fence=Alone()), store=Store())
        with pytest.raises(Unavailable, match="starting up"):
            await executor.execute(write)


async def test_a_refusal_of_a_server_that_is_ready_is_one() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=200 if request.path == "/readyz" else 403)

    async with client_of(answer) as client:
        executor = Executor(client=client, writer=Writer(client, fence=Alone()), store=Store())
        outcome = await executor.execute(change())
    assert [item.reason for item in outcome.rejected] == [Forbidden.__name__]
