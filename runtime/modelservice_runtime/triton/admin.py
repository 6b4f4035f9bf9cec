"""The agent's admin port: `POST /document`, for the operator alone.

It is open to whoever the network lets through, and to what runs in this pod. So nothing is read
before the headers have proved who sends it, no connection lives longer than one push takes, and
there are few at a time.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from aiohttp import web

from modelservice_runtime.triton.push import SIZE_LIMIT, Pushes, Refusal, RefusedError

READ_SECONDS = 5.0
CONNECTION_SECONDS = 10.0
MOST_CONNECTIONS = 32

_STATUS = {
    Refusal.MALFORMED: 400,
    Refusal.NO_KEYS: 503,
    Refusal.NOT_SIGNED: 401,
    Refusal.REPLAYED: 409,
    Refusal.SUPERSEDED: 409,
    Refusal.TOO_LARGE: 413,
    Refusal.TOO_SLOW: 408,
    Refusal.NO_DOCUMENT: 422,
    Refusal.NOT_NOTED: 507,
}
_OTHER_STATUS = 403


async def serve(stack: AsyncExitStack, pushes: Pushes, *, port: int) -> None:
    """Take pushes in until the stack is closed."""
    runner = web.AppRunner(application(pushes), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    server = await asyncio.get_running_loop().create_server(_short_lived(runner), port=port)
    stack.callback(server.close)


def application(pushes: Pushes) -> web.Application:
    """`POST /document`."""

    async def document(request: web.Request) -> web.Response:
        try:
            push = pushes.admit(request.headers)
            taken = pushes.take(push, body=await _body(request))
        except RefusedError as refused:
            pushes.refused[refused.reason] += 1
            told = {"reason": str(refused.reason), "message": refused.message}
            answer = web.json_response(told, status=_STATUS.get(refused.reason, _OTHER_STATUS))
        else:
            answer = web.json_response({"revision": taken.revision}, status=202)
        answer.force_close()
        return answer

    app = web.Application(client_max_size=SIZE_LIMIT)
    app.add_routes([web.post("/document", document)])
    return app


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        message = f"It is larger than {SIZE_LIMIT} bytes."
        raise RefusedError(Refusal.TOO_LARGE, message) from None
    except TimeoutError:
        message = f"The document did not come within {READ_SECONDS:g} s."
        raise RefusedError(Refusal.TOO_SLOW, message) from None


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _short_lived(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    """Connections that end after a time, whatever the other side does or leaves undone."""
    make = runner.server
    if make is None:
        raise RuntimeError("the runner is not set up")

    def protocol() -> asyncio.Protocol:
        if len(make.connections) >= MOST_CONNECTIONS:
            return _Full()
        one = make()
        asyncio.get_running_loop().call_later(CONNECTION_SECONDS, one.force_close)
        return one

    return protocol
