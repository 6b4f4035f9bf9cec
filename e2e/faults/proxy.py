"""Stands between the operators of one plan and the API server, records, and does what a plan says.

Every process of a plan has a gate of its own (a port on the loopback, plain HTTP), so that it is
certain who asked, also when a killed process's last requests are still on their way. What the API
server was asked to do, it does, whether or not the asking process lives to hear of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import aiohttp
from aiohttp import web

from e2e.faults.conversation import Conversation, Reply, answered, refused, reset
from e2e.faults.plan import Action, Fault, Match
from e2e.faults.record import Trace
from e2e.faults.rules import Rules
from e2e.faults.snapshot import Snapshot
from e2e.faults.stream import Relay
from e2e.faults.upstream import JSON, Answer, Upstream

HOST: Final = "127.0.0.1"
STARTS: Final = 200  # processes of one plan, at most

# Clients that leave in the middle are what this is for.
logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


class Control(Protocol):
    """What a fault can do to an operator process, by its ordinal."""

    def kill(self, process: int) -> None:
        """SIGKILL; the process is gone when this returns or a moment later."""

    async def pause(self, process: int) -> None:
        """SIGSTOP; returns just before it is resumed."""


class Proxy:
    """The gates of one plan, and what passed them."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        namespace: str,
        rules: Rules,
        control: Control,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trace = Trace()
        self._upstream = upstream
        self._namespace = namespace
        self._rules = rules
        self._control = control
        self._clock = clock
        self._snapshot = Snapshot()
        self._outages: dict[int, float] = {}  # until when, by process
        self._servers: dict[int, web.Server] = {}
        # Requests that were begun are brought to their end, whatever becomes of who asked.
        self._running: set[asyncio.Task[Reply]] = set()
        self._recorded = asyncio.Event()
        self._held: list[tuple[Match, asyncio.Event]] = []  # what ends a hold of events
        self._open = 0
        self._last = 0.0

    @asynccontextmanager
    async def gate(self, process: int) -> AsyncIterator[str]:
        """Open a port for one process for the length of the block: its URL."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, process=process)

        server = web.Server(handle, handler_cancellation=True, access_log=None)
        self._servers[process] = server
        listener = await asyncio.get_running_loop().create_server(server, HOST, 0)
        try:
            yield f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            self._cut(server)
            await server.shutdown(0.1)
            del self._servers[process]

    @property
    def silence(self) -> float:
        """For how many seconds no object has been written or got; the Lease does not count."""
        return 0.0 if self._open else self._clock() - self._last

    async def passed(self) -> None:
        """Wait for the next request to have its answer (a watch: its beginning), or a `nudge`."""
        self._recorded.clear()
        await self._recorded.wait()

    def nudge(self) -> None:
        """Let those look again who wait for something to pass: a process has ended."""
        self._recorded.set()

    async def close(self) -> None:
        """Bring to its end what is on its way. Gates are closed before."""
        for task in list(self._running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.trace.requests.sort(key=lambda request: request.at)

    async def _handle(self, request: web.BaseRequest, *, process: int) -> web.StreamResponse:
        conversation = await Conversation.hear(
            request, process=process, scope=self._namespace, at=self._clock()
        )
        if conversation.at < self._outages.get(process, 0.0):
            self._record(conversation, Reply(None), fault=Action.OUTAGE)
            return _dropped(request)
        for until, ended in self._held:
            if until.admits(conversation.seen):
                ended.set()
        faults = self._rules.request(conversation.seen)
        if conversation.about.verb in {"list", "watch"} or conversation.about.kind == "Lease":
            return await self._converse(request, conversation=conversation, faults=faults)
        self._open += 1
        try:
            return await self._converse(request, conversation=conversation, faults=faults)
        finally:
            self._open -= 1
            self._last = self._clock()

    async def _converse(
        self, request: web.BaseRequest, *, conversation: Conversation, faults: list[Fault]
    ) -> web.StreamResponse:
        reply = await asyncio.shield(self._begin(self._carry_out(conversation, faults=faults)))
        if reply.watch:
            return await self._watch(request, conversation=conversation)
        if reply.hangs:
            await asyncio.Event().wait()  # until the client gives up, which cancels this
        if reply.answer is None:
            return _dropped(request)
        return await answered(request, answer=reply.answer, cut=reply.cut)

    def _begin(self, work: Coroutine[Any, Any, Reply]) -> asyncio.Task[Reply]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _carry_out(self, conversation: Conversation, *, faults: list[Fault]) -> Reply:
        told = " ".join(fault.label for fault in faults)
        for fault in faults:
            reply = await self._before(fault, conversation=conversation)
            if reply is not None:
                return self._record(conversation, reply, fault=told)
        if conversation.about.verb == "watch":
            return Reply(None, watch=True)
        try:
            answer = await self._forward(conversation)
        except (aiohttp.ClientError, OSError):  # the API server itself is away
            return self._record(conversation, Reply(None), fault=told)
        reply = Reply(answer)
        for fault in faults:
            reply = await self._after(fault, reply=reply, conversation=conversation)
        return self._record(conversation, reply, answer=answer, fault=told)

    async def _before(self, fault: Fault, *, conversation: Conversation) -> Reply | None:
        """What comes of a request that does not get as far as the API server."""
        reply: Reply | None = Reply(None)
        match fault.action:
            case Action.KILL_BEFORE:
                self._control.kill(conversation.process)
            case Action.RESET_BEFORE:
                pass
            case Action.OUTAGE:
                self._begin_outage(fault)
            case Action.HANG_BEFORE:
                reply = Reply(None, hangs=True)
            case Action.ANSWER_BEFORE:
                reply = Reply(refused(fault, about=conversation.about))
            case Action.STALE if self._snapshot.has(conversation.about.kind):
                kind, query = conversation.about.kind, conversation.query
                reply = Reply(self._snapshot.answer(kind, query=query))
            case _:
                await self._wait(fault, conversation=conversation)
                reply = None
        return reply

    def _begin_outage(self, fault: Fault) -> None:
        """For the process that the fault names, or for all; of those that start meanwhile too."""
        only = fault.match.process
        for process in (only,) if only else range(1, STARTS):
            self._outages[process] = self._clock() + fault.seconds
            if process in self._servers:
                self._cut(self._servers[process])

    async def _wait(self, fault: Fault, *, conversation: Conversation) -> None:
        """What only takes time before a request goes on."""
        match fault.action:
            case Action.DELAY:
                await asyncio.sleep(fault.seconds)
            case Action.SNAPSHOT:
                await self._snapshot.take(self._upstream, namespace=self._namespace)
            case Action.PAUSE_BEFORE:
                await self._control.pause(conversation.process)

    async def _after(self, fault: Fault, *, reply: Reply, conversation: Conversation) -> Reply:
        """What is left of an answer that the API server has given."""
        committed = reply.answer is not None and 200 <= reply.answer.status < 300
        match fault.action:
            case Action.KILL_AFTER if committed:
                self._control.kill(conversation.process)
                return Reply(None)
            case Action.RESET_AFTER:
                return Reply(None)
            case Action.HANG_AFTER:
                return Reply(None, hangs=True)
            case Action.ANSWER_AFTER:
                return Reply(refused(fault, about=conversation.about))
            case Action.PAUSE_AFTER:
                await self._control.pause(conversation.process)
            case Action.CUT:
                return Reply(reply.answer, cut=True)
        return reply

    async def _forward(self, conversation: Conversation) -> Answer:
        about = conversation.about
        if not about.resource and conversation.method == "GET":
            accept = conversation.headers.get("Accept", "*/*")
            return await self._upstream.discovery(about.path, accept=accept)
        return await self._upstream.send(
            conversation.method,
            about.path,
            query=conversation.query,
            body=conversation.body or None,
            headers=conversation.headers,
        )

    async def _watch(
        self, request: web.BaseRequest, *, conversation: Conversation
    ) -> web.StreamResponse:
        async with self._upstream.stream(
            conversation.about.path, query=conversation.query, headers=conversation.headers
        ) as source:
            if source.status != 200:
                answer = Answer(source.status, await source.read(), {"Content-Type": JSON})
                self._record(conversation, Reply(answer), answer=answer)
                return await answered(request, answer=answer)
            begun = Answer(200, b"")
            self._record(conversation, Reply(begun), answer=begun)
            relay = Relay(
                rules=self._rules,
                trace=self.trace,
                about=conversation.about,
                process=conversation.process,
                hold=self._hold,
                clock=self._clock,
            )
            response = web.StreamResponse(headers={"Content-Type": JSON})
            await response.prepare(request)
            if await relay.run(source.content, write=response.write):
                return response
        return _dropped(request)

    async def _hold(self, fault: Fault) -> None:
        """As long as a fault says, or until a request comes that ends it."""
        if fault.until is None:
            await asyncio.sleep(fault.seconds)
            return
        ended = asyncio.Event()
        self._held.append((fault.until, ended))
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds):
                await ended.wait()

    def _record(
        self,
        conversation: Conversation,
        reply: Reply,
        *,
        answer: Answer | None = None,
        fault: str = "",
    ) -> Reply:
        told = reply.answer.status if reply.answer is not None else 0
        self.trace.requests.append(
            conversation.recorded(answer, ended=self._clock(), told=told, fault=fault)
        )
        self._recorded.set()
        return reply

    def _cut(self, server: web.Server) -> None:
        for connection in list(server.connections):
            reset(connection.transport)


def _dropped(request: web.BaseRequest) -> web.StreamResponse:
    reset(request.transport)
    return web.Response()  # nobody is there to get it
