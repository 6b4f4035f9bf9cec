"""A request on its way through the proxy, what the asking process gets, and how it gets it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from e2e.faults import answers
from e2e.faults.plan import Fault, Match
from e2e.faults.record import WRITES, Manifest, Request
from e2e.faults.target import Target, target
from e2e.faults.upstream import JSON, Answer

_LINGER: Final = struct.pack("ii", 1, 0)  # a close that sends a reset
_KEPT: Final = WRITES | {"get"}
_FORWARDED: Final = ("Content-Type", "Accept", "User-Agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request as it came."""

    at: float
    process: int
    method: str
    about: Target
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]

    @classmethod
    async def hear(
        cls, request: web.BaseRequest, *, process: int, scope: str, at: float
    ) -> Conversation:
        """Read a request of a process that is confined to the namespace `scope`."""
        body = await request.read()
        query = dict(request.query)
        about = target(
            request.method,
            request.path,
            query=query,
            content_type=request.headers.get("Content-Type", ""),
            scope=scope,
        )
        return cls(
            at=at,
            process=process,
            method=request.method,
            about=about,
            query=query,
            body=body,
            headers={name: request.headers[name] for name in _FORWARDED if name in request.headers},
        )

    @property
    def name(self) -> str:
        """Of the object; of what is no object, its path."""
        return self.about.name if self.about.resource else self.about.path

    @property
    def seen(self) -> Match:
        """As rules look at it."""
        return Match(
            verb=self.about.verb,
            kind=self.about.kind,
            name=self.name,
            subresource=self.about.subresource,
            type="",
            process=self.process,
        )

    def recorded(self, answer: Answer | None, *, ended: float, told: int, fault: str) -> Request:
        """`answer` is the API server's, None where it never saw the request or did not answer."""
        kept = answer is not None and self.about.resource and self.about.verb in _KEPT
        return Request(
            at=self.at,
            ended=ended,
            process=self.process,
            verb=self.about.verb,
            kind=self.about.kind,
            namespace=self.about.namespace,
            name=self.name,
            subresource=self.about.subresource,
            query=self.query,
            body=_parsed(self.body),
            status=answer.status if answer is not None else 0,
            told=told,
            answer=_parsed(answer.body) if answer is not None and kept else None,
            fault=fault,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What the asking process gets: an answer (or half of it: `cut`), a reset where there is none,
    or nothing at all (`hangs`). `watch`: a stream, which is not here."""

    answer: Answer | None
    hangs: bool = False
    cut: bool = False
    watch: bool = False


async def answered(
    request: web.BaseRequest, *, answer: Answer, cut: bool = False
) -> web.StreamResponse:
    """Send an answer; `cut`: half of its body, and then the end of the connection."""
    if not cut:
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def refused(fault: Fault, *, about: Target) -> Answer:
    """The error that a fault answers in the API server's name."""
    body, headers = answers.status(fault, target=about)
    return Answer(fault.status, json.dumps(body).encode(), {"Content-Type": JSON, **headers})


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Close as a host does that has forgotten the connection."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    peer = transport.get_extra_info("socket")
    if peer is not None:
        with suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    transport.abort()


def _parsed(text: bytes) -> Manifest | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
