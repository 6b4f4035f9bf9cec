"""The one connection pool from the suite to the API server: for proxies, users and the historian.

Speaks with the rig's own certificate. It never retries and follows nothing.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import aiohttp

from e2e.cluster.client import Client as PlainClient
from e2e.cluster.client import Refused
from e2e.faults.record import Manifest

JSON: Final = "application/json"
# As in the operator's own client: a watch's line is as long as its object.
LINE: Final = 2**21


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers that matter to a client, and body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Upstream:
    """`async with Upstream.open(client)`."""

    def __init__(self, session: aiohttp.ClientSession, *, address: str) -> None:
        self._session = session
        self._address = address
        # Discovery is the same for all plans and is most of what a starting operator reads.
        self._discovered: dict[tuple[str, str], Answer] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, client: PlainClient) -> AsyncIterator[Self]:
        """To the API server that `client` speaks to, as whom it speaks."""
        context = ssl.create_default_context(cafile=str(client.authority.certificate))
        context.load_cert_chain(client.identity.certificate, client.identity.key)
        connector = aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=60.0)
        async with aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            read_bufsize=LINE,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Accept-Encoding": "identity", "User-Agent": "modelservice-faults"},
        ) as session:
            yield cls(session, address=client.address)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises aiohttp.ClientError or OSError where nobody answers."""
        async with self._session.request(
            method, self._address + path, params=query, data=body, headers=headers
        ) as response:
            text = await response.read()
            kept = {
                name: response.headers[name]
                for name in ("Content-Type", "Retry-After", "Warning")
                if name in response.headers
            }
            return Answer(response.status, text, kept)

    async def discovery(self, path: str, *, accept: str) -> Answer:
        """What the API server serves; asked once."""
        known = self._discovered.get((path, accept))
        if known is not None:
            return known
        answer = await self.send("GET", path, headers={"Accept": accept})
        if answer.status == 200 and path.startswith("/api"):
            self._discovered[path, accept] = answer
        return answer

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A watch: read it from `.content`."""
        async with self._session.get(
            self._address + path, params=query, headers=headers
        ) as response:
            yield response

    async def json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
    ) -> Manifest:
        """An object for an object. Raises Refused."""
        answer = await self.send(
            method,
            path,
            query=query,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content_type},
        )
        if answer.status >= 400:
            raise Refused(answer.status, message=answer.body.decode(errors="replace"))
        parsed: Manifest = json.loads(answer.body)
        return parsed
