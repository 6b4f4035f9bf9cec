"""What the proxy does to requests, in front of a server that remembers what reached it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from e2e.faults.plan import Action, Fault, Match
from e2e.faults.proxy import Proxy
from e2e.faults.rules import Rules
from e2e.faults.upstream import Upstream

MAP = "/api/v1/namespaces/plan/configmaps/a"
MAPS = "/api/v1/configmaps"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
ANSWER = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "7"}}
EVENT = json.dumps({"type": "ADDED", "object": ANSWER}).encode() + b"\n"


class Server:
    """Answers everything, and tells what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.items = 0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        await request.read()
        self.asked.append(f"{request.method} {request.path}")
        if request.query.get("watch"):
            return web.Response(body=EVENT)
        if request.path.endswith("s"):
            listed = {"metadata": {"resourceVersion": "9"}, "items": [ANSWER] * self.items}
            return web.json_response(listed)
        return web.json_response(ANSWER)


class Control:
    """Writes down what it is asked to do to processes."""

    def __init__(self) -> None:
        self.killed: list[int] = []
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()

    def kill(self, process: int) -> None:
        self.killed.append(process)

    async def pause(self, process: int) -> None:
        self.paused.set()
        await self.resumed.wait()


class Bench:
    """A proxy with a client before it and a server behind it."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, address: str) -> None:
        self.session = session
        self.server = server
        self.control = Control()
        self._address = address
        self._stack = AsyncExitStack()
        self.url = ""

    async def open(self, *faults: Fault, process: int = 1) -> Proxy:
        self.proxy = Proxy(
            upstream=Upstream(self.session, address=self._address),
            namespace="plan",
            rules=Rules(faults),
            control=self.control,
        )
        self.url = await self._stack.enter_async_context(self.proxy.gate(process))
        return self.proxy

    async def again(self, process: int) -> None:
        """Another process of the same plan."""
        self.url = await self._stack.enter_async_context(self.proxy.gate(process))

    async def close(self) -> None:
        await self._stack.aclose()
        await self.proxy.close()

    async def apply(self, path: str = MAP) -> tuple[int, bytes]:
        async with self.session.patch(self.url + path, data=b"{}", headers=APPLY) as answer:
            return answer.status, await answer.read()

    async def watch(self) -> bytes:
        async with self.session.get(self.url + MAPS, params={"watch": "true"}) as answer:
            return await answer.read()

    async def list(self) -> dict[str, object]:
        async with self.session.get(self.url + MAPS) as answer:
            found: dict[str, object] = json.loads(await answer.read())
            return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    server = Server()
    listening = web.Server(server.handle)
    socket = await asyncio.get_running_loop().create_server(listening, "127.0.0.1", 0)
    port = socket.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=0.5), auto_decompress=False
    ) as session:
        bench = Bench(session, server, f"http://127.0.0.1:{port}")
        yield bench
        await bench.close()
    socket.close()
    await listening.shutdown(0.1)


def at_apply(action: Action, **more: float | int) -> Fault:
    return Fault(action=action, match=Match(verb="apply"), **more)  # type: ignore[arg-type]


async def test_without_a_fault_it_is_as_if_it_were_not_there(bench: Bench) -> None:
    proxy = await bench.open()
    assert await bench.apply() == (200, json.dumps(ANSWER).encode())
    (request,) = proxy.trace.requests
    assert (request.shape, request.name) == (("apply", "ConfigMap", ""), "a")
    assert (request.status, request.told, request.answer) == (200, 200, ANSWER)
    assert request.committed


async def test_the_cluster_is_one_namespace(bench: Bench) -> None:
    await bench.open()
    await bench.list()
    assert bench.server.asked == ["GET /api/v1/namespaces/plan/configmaps"]


@pytest.mark.parametrize(
    ("action", "committed"),
    [
        (Action.RESET_BEFORE, False),
        (Action.RESET_AFTER, True),
        (Action.KILL_BEFORE, False),
        (Action.KILL_AFTER, True),
    ],
)
async def test_nothing_is_heard_of_what_was_carried_out_or_not(
    bench: Bench, action: Action, committed: bool
) -> None:
    proxy = await bench.open(at_apply(action))
    with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
        await bench.apply()
    assert len(bench.server.asked) == committed
    (request,) = proxy.trace.requests
    assert (request.committed, request.told, request.fault) == (committed, 0, str(action))
    assert bench.control.killed == ([1] if "kill" in action else [])
    assert (await bench.apply())[0] == 200  # only once


async def test_half_an_answer(bench: Bench) -> None:
    await bench.open(at_apply(Action.CUT))
    with pytest.raises(aiohttp.ClientPayloadError):
        await bench.apply()
    assert len(bench.server.asked) == 1


@pytest.mark.parametrize("action", [Action.HANG_BEFORE, Action.HANG_AFTER])
async def test_a_hanging_request_hangs_until_its_client_leaves(
    bench: Bench, action: Action
) -> None:
    proxy = await bench.open(at_apply(action))
    with pytest.raises(TimeoutError):
        await bench.apply()
    assert len(bench.server.asked) == (action is Action.HANG_AFTER)
    for _ in range(500):  # the end of a connection has no event of ours
        if proxy.silence:
            break
        await asyncio.sleep(0.01)
    assert proxy.silence


async def test_an_error_in_the_api_servers_name(bench: Bench) -> None:
    await bench.open(at_apply(Action.ANSWER_BEFORE, status=429, seconds=2))
    async with bench.session.patch(bench.url + MAP, data=b"{}", headers=APPLY) as answer:
        told = await answer.json()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert told["details"]["retryAfterSeconds"] == 2
    assert bench.server.asked == []


async def test_an_error_about_what_was_carried_out(bench: Bench) -> None:
    proxy = await bench.open(at_apply(Action.ANSWER_AFTER, status=504))
    assert (await bench.apply())[0] == 504
    (request,) = proxy.trace.requests
    assert (request.status, request.told, request.committed) == (200, 504, True)


async def test_an_outage_is_for_all_who_ask_and_ends(bench: Bench) -> None:
    await bench.open(at_apply(Action.OUTAGE, seconds=0.1))
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
            await bench.apply()
    async with asyncio.timeout(5):
        while True:
            try:
                status, _ = await bench.apply()
            except (aiohttp.ClientConnectionError, ConnectionError):
                continue
            break
    assert status == 200
    assert time.monotonic() - began >= 0.1


async def test_the_next_process_sees_lists_of_before(bench: Bench) -> None:
    stale = Fault(action=Action.STALE, match=Match(verb="list", process=2))
    await bench.open(at_apply(Action.SNAPSHOT), stale)
    await bench.apply()
    bench.server.items = 1
    assert len((await bench.list())["items"]) == 1  # type: ignore[arg-type]
    await bench.again(2)
    assert (await bench.list())["items"] == []
    assert len((await bench.list())["items"]) == 1  # type: ignore[arg-type]


async def test_what_a_paused_process_sent_arrives_late(bench: Bench) -> None:
    await bench.open(at_apply(Action.PAUSE_BEFORE))
    late = asyncio.create_task(bench.apply())
    await bench.control.paused.wait()
    assert bench.server.asked == []
    bench.control.resumed.set()
    assert (await late)[0] == 200
    assert len(bench.server.asked) == 1


async def test_a_watch_passes_and_is_recorded(bench: Bench) -> None:
    proxy = await bench.open()
    assert await bench.watch() == EVENT
    assert bench.server.asked == ["GET /api/v1/namespaces/plan/configmaps"]
    (event,) = proxy.trace.events
    assert (event.kind, event.type, event.name) == ("ConfigMap", "ADDED", "a")


async def test_events_are_held_until_something_is_asked_for(bench: Bench) -> None:
    held = Fault(
        action=Action.HOLD,
        match=Match(verb="watch", kind="ConfigMap"),
        seconds=60,
        until=Match(verb="apply", kind="ConfigMap"),
    )
    proxy = await bench.open(held)
    watching = asyncio.create_task(bench.watch())
    await proxy.passed()  # it has begun
    await bench.apply()
    assert await watching == EVENT
