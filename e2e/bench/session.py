"""Requests to the API server with as little as possible between them and the wire.

What a benchmark's own client costs is taken from the machine that is measured: bodies are bytes
that were rendered before, answers are parsed only where they are read.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import yaml

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
LINE = 2**22  # bytes; a watch event is one line


class Refused(Exception):  # noqa: N818 - an answer, not a fault of this program
    """The API server answered with an error status."""

    def __init__(self, status: int, *, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Session:
    """One user's connections to one API server; `connect` makes one."""

    def __init__(self, session: aiohttp.ClientSession, *, server: str) -> None:
        self._session = session
        self._server = server

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncIterator["Session"]:
        """As the user of a kubeconfig that carries its certificates inside."""
        server, context = _identity(kubeconfig)
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        timeout = aiohttp.ClientTimeout(total=60.0)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            trust_env=False,
            read_bufsize=LINE,
            auto_decompress=True,
        ) as session:
            yield cls(session, server=server)

    async def send(
        self, method: str, path: str, *, body: bytes | None = None, content_type: str = JSON
    ) -> bytes:
        """The answer as it came. Raises Refused, or what aiohttp raises where nobody answers.

        Where the server is too busy, it is asked again after as long as it says, as client-go does.
        """
        while True:
            async with self._session.request(
                method, self._server + path, data=body, headers={"Content-Type": content_type}
            ) as response:
                answer = await response.read()
            if response.status < 400:
                return answer
            if response.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise Refused(response.status, message=answer[:500].decode(errors="replace"))
            await asyncio.sleep(float(response.headers.get("Retry-After", "1")))

    async def object(
        self, method: str, path: str, *, body: Any = None, content_type: str = JSON
    ) -> dict[str, Any]:
        """The same with JSON objects."""
        data = None if body is None else json.dumps(body).encode()
        answer = await self.send(method, path, body=data, content_type=content_type)
        found: dict[str, Any] = json.loads(answer)
        return found

    async def list(self, path: str, *, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a collection."""
        query = f"?labelSelector={selector}" if selector else ""
        items: list[dict[str, Any]] = (await self.object("GET", path + query))["items"]
        return items

    async def events(self, path: str, *, version: str) -> AsyncIterator[dict[str, Any]]:
        """Watch events of a collection since a resourceVersion, until the stream ends."""
        query = f"?watch=true&resourceVersion={version}&timeoutSeconds=3600"
        endless = aiohttp.ClientTimeout(total=None, connect=5.0)
        async with self._session.get(self._server + path + query, timeout=endless) as response:
            if response.status >= 400:
                raise Refused(response.status, message=await response.text())
            async for line in response.content:
                yield json.loads(line)


def _identity(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """The server of a kubeconfig, and what its user is known by there."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    pair = kubeconfig.with_suffix(".pem")
    pair.touch(mode=0o600)
    pair.write_bytes(
        base64.b64decode(user["client-certificate-data"])
        + base64.b64decode(user["client-key-data"])
    )
    context.load_cert_chain(pair)
    return str(cluster["server"]), context
