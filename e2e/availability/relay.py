"""A way to the API server that can be cut: a TCP relay that knows nothing of what it carries."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from e2e.cluster.controlplane import HOST

CHUNK = 1 << 16
PATIENCE = 30.0
# `lost`: packets get lost. Connections stay and new ones come about, but nothing passes; what a
# client had sent arrives when the way is open again, late. `refused`: connections are reset, and
# nobody listens.
Cut = Literal["lost", "refused"]


@dataclass
class Relay:
    """Listens on `port` and passes on to the local port `target`; `start` makes one."""

    target: int
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _connections: "set[asyncio.Task[None]]" = field(default_factory=set)

    @classmethod
    @contextmanager
    def start(cls, *, target: int) -> Iterator["Relay"]:
        """Run a relay for the length of a `with`."""
        relay = cls(target)
        thread = threading.Thread(target=relay._loop.run_forever, name="relay", daemon=True)
        thread.start()
        try:
            relay._do(relay._restore())
            yield relay
        finally:
            relay._do(relay._refuse())
            relay._loop.call_soon_threadsafe(relay._loop.stop)
            thread.join()
            relay._loop.close()

    @property
    def address(self) -> str:
        return f"https://{HOST}:{self.port}"

    def cut(self, how: Cut) -> None:
        """Let nothing through any more."""
        self._do(self._lose() if how == "lost" else self._refuse())

    def restore(self) -> None:
        """Let everything through again."""
        self._do(self._restore())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=PATIENCE)

    async def _lose(self) -> None:
        self._passing.clear()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        ending = list(self._connections)
        for connection in ending:
            connection.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _restore(self) -> None:
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._take, HOST, self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]

    def _take(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        # A coroutine here would belong to asyncio, which complains when one is cancelled.
        task = self._loop.create_task(self._carry(near, back))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        writers = [back]
        try:
            far, forth = await asyncio.open_connection(HOST, self.target, limit=CHUNK)
            writers.append(forth)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass_on(near, forth))
                ways.create_task(self._pass_on(far, back))
        except* OSError:
            pass  # one side is gone, and the other with it
        finally:
            for writer in writers:
                writer.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK):
            await self._passing.wait()
            target.write(chunk)
            await target.drain()
        await self._passing.wait()
        with suppress(OSError):
            target.write_eof()
