"""HTTPS to servers that a user names: who may be asked, with which credentials, and what an answer
may do.

Redirects are followed here and not by the client: each goes to `https:` only, every connection is
judged by the guard, and a header of authorization goes to the server that it was made for and no
other. Nothing that a server says is repeated in a message: it may repeat what it was sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from modelservice_runtime.artifacts.guard import NOBODY, Guard
from modelservice_runtime.artifacts.network import Network, Subject
from modelservice_runtime.artifacts.ranges import WINDOW
from modelservice_runtime.artifacts.sources.keys import AUTHORITY, Keys
from modelservice_runtime.failure import Failure, Reason

REDIRECTS: Final = 5
HEAD_SECONDS: Final = 30.0  # from a request to the end of an answer's headers
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=30.0)
BUFFER: Final = 1024 * 1024
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_MISSING: Final = frozenset({404, 410})
_DENIED: Final = frozenset({401, 403, 407})
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


class Broken(Failure):
    """A server that did not answer, or not to the end: worth asking again at once."""


@dataclass(frozen=True)
class Answer:
    """The head of an answer, and the way to its body. `heads` has those of the redirects before it
    and its own."""

    url: str
    status: int
    headers: Mapping[str, str]
    heads: tuple[Mapping[str, str], ...]
    content: aiohttp.StreamReader


@dataclass(frozen=True)
class Web:
    """What is asked for, in words for messages, and the way there. `opens` names the keys of a
    Secret that let one in."""

    uri: str
    keys: Keys
    opens: str
    guard: Guard

    @classmethod
    def of(
        cls, uri: str, *, keys: Keys, opens: str, network: Network, trusted: str = NOBODY
    ) -> Web:
        """The way to `uri`; `trusted` is a host of the platform's, which may be private."""
        subject = Subject(
            name=uri,
            advice="Correct source.uri, or what its server redirects to.",
            reason=Reason.SOURCE_REFUSED,
        )
        guard = Guard(network, trusted=trusted, subject=subject)
        return cls(uri=uri, keys=keys, opens=opens, guard=guard)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Connections for a while."""
        connector = aiohttp.TCPConnector(limit=WINDOW, ssl=self.keys.tls())
        async with aiohttp.ClientSession(
            connector=connector,
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
            auto_decompress=False,
            read_bufsize=BUFFER,
            # What is there is asked for: a compressed answer has another length and no ranges.
            headers={"Accept-Encoding": "identity", "User-Agent": "modelservice"},
        ) as client:
            yield Session(self, client=client)
        await asyncio.sleep(0)  # connections end in the loop's next round, and it may be the last

    def failure(self, status: int) -> Failure:
        """What an answer other than the wanted one means."""
        if status in _MISSING:
            return Failure(
                reason=Reason.SOURCE_NOT_FOUND,
                message=f"{self.uri} does not exist. Put the file there, or correct source.uri.",
            )
        if status in _DENIED:
            return Failure(reason=Reason.ACCESS_DENIED, message=self._denied())
        return Broken(
            reason=Reason.STORAGE_UNAVAILABLE,
            message=f"The server of {self.uri} answers with HTTP status {status}. See that the "
            "address is right and the server is up.",
        )

    def broken(self) -> Broken:
        """No answer, or half of one."""
        return Broken(
            reason=Reason.STORAGE_UNAVAILABLE,
            message=f"The server of {self.uri} does not answer, or breaks off. See that it is up "
            "and can be reached from the cluster.",
        )

    def refused(self, why: str) -> Failure:
        """Where the server leads may not be gone to."""
        return Failure(
            reason=Reason.SOURCE_REFUSED,
            message=f"The server of {self.uri} {why}. Correct source.uri, or the server.",
        )

    def unfit(self, why: str) -> Failure:
        """The server does not do what is needed to bring a file safely."""
        return Failure(
            reason=Reason.STORAGE_UNAVAILABLE, message=f"The server of {self.uri} {why}."
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the client as a `Failure`; that of the guard where it refused a connection."""
        try:
            yield
        except aiohttp.ClientHttpProxyError:
            raise self.guard.refusal or self.broken() from None
        except aiohttp.ClientSSLError:
            raise self.unfit(
                "has a certificate that is not trusted, or not its own. Put the authority that "
                f"signed it into the key {AUTHORITY} of the Secret in source.secretRef"
            ) from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            raise self.broken() from None

    def _denied(self) -> str:
        if self.keys.name is None:
            return (
                f"The server refuses access to {self.uri} without credentials. Name a Secret with "
                f"{self.opens} in source.secretRef."
            )
        return (
            f"The server refuses access to {self.uri} with {self.opens} of the Secret "
            f"{self.keys.name}. Correct the Secret, or give its owner the right to read there."
        )


class Session:
    """Asks servers, each with the authorization that is its own."""

    def __init__(self, web: Web, *, client: aiohttp.ClientSession) -> None:
        self.web = web
        self._client = client
        self._authorizations: dict[str, str] = {}

    def authorize(self, url: str, *, header: str | None) -> None:
        """Send `header` as Authorization to the server of `url` from now on; None: nothing."""
        origin = self._origin(url)
        self._authorizations.pop(origin, None)
        if header is not None:
            self._authorizations[origin] = header

    @asynccontextmanager
    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """The answer that the redirects lead to, whatever its status; closed after the block."""
        heads: list[Mapping[str, str]] = []
        with self.web.translated():
            for _ in range(REDIRECTS + 1):
                response = await self._ask(url, headers=headers or {})
                try:
                    heads.append(response.headers)
                    if response.status not in _MOVED:
                        yield Answer(
                            url=url,
                            status=response.status,
                            headers=response.headers,
                            heads=tuple(heads),
                            content=response.content,
                        )
                        return
                finally:
                    _hang_up(response)
                url = self._onward(url, location=response.headers.get("Location", ""))
        raise self.web.refused(f"redirects more than {REDIRECTS} times")

    async def body(self, answer: Answer, *, limit: int) -> bytes:
        """The whole of a small body."""
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise self.web.unfit(f"answers with more than {limit} bytes where few are expected")
        return bytes(body)

    async def _ask(self, url: str, *, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        authorization = self._authorizations.get(self._origin(url))
        own = {"Authorization": authorization} if authorization is not None else {}
        async with asyncio.timeout(HEAD_SECONDS):
            return await self._client.get(
                URL(url, encoded=True),
                headers={**headers, **own},
                proxy=self.web.guard.url,
                allow_redirects=False,
            )

    def _onward(self, url: str, *, location: str) -> str:
        if not location or not location.isascii() or not location.isprintable():
            raise self.web.refused("redirects to what is no address")
        try:
            onward = urljoin(url, location).partition("#")[0]
        except ValueError:
            raise self.web.refused("redirects to what is no address") from None
        self._origin(onward)
        return onward

    def _origin(self, url: str) -> str:
        """`host:port` of a URL that may be asked."""
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            raise self.web.refused("leads to what is no address") from None
        if parts.scheme != "https":
            raise self.web.refused("redirects to an address that does not begin with https:")
        if "@" in parts.netloc or "\\" in url or " " in url:
            raise self.web.refused("redirects to an address with a user name, or one in disguise")
        host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
        if not _HOST.fullmatch(host):
            raise self.web.refused("redirects to what is no name of a host")
        return f"{host.lower()}:{port}"


class _Response(aiohttp.ClientResponse):
    """Hangs up on a server whose answer is none, where the client would take leave politely."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        try:
            return await super().start(connection)
        except BaseException:
            if transport is not None:
                transport.abort()
            raise


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a connection whose answer was not read to its end: the rest may be gigabytes."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()
