"""`https://`: a file on any web server; the frame for what builds on one (a hub, a registry)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.keys import AUTHORIZATION, PASSWORD, USERNAME, Keys
from modelservice_runtime.artifacts.sources.landing import Landing, counted
from modelservice_runtime.artifacts.sources.remote import Located, RemoteFile
from modelservice_runtime.artifacts.sources.source import Chunk
from modelservice_runtime.artifacts.sources.web import Session, Web
from modelservice_runtime.artifacts.storage import Download, Head, OnProgress

T = TypeVar("T")

KEYS: Final = (AUTHORIZATION, USERNAME, PASSWORD)
OPENS: Final = f"{AUTHORIZATION}, or {USERNAME} and {PASSWORD},"


class WebSource:
    """A file at `url`, which the spec calls `web.uri`; `authorization` is for its server."""

    def __init__(self, web: Web, *, url: str, authorization: str | None) -> None:
        self._web = web
        self._url = url
        self._authorization = authorization
        self._located: Located | None = None
        self.expected: str | None = None  # the digest of the file, where something announced it

    @property
    def uri(self) -> str:
        """The address as the spec has it."""
        return self._web.uri

    def head(self) -> Head:
        """Size and ETag."""
        return self._run(self._locate).head

    @property
    def announced(self) -> str | None:
        """`sha256:<hex>` of the bytes, where the server has said it."""
        return self.expected

    def chunks(
        self, *, on_progress: OnProgress = lambda done, total: None
    ) -> Generator[Chunk, None, None]:
        """The file's bytes in order, as they come."""
        size = self.head().size
        with asyncio.Runner() as loop:
            arriving = self._arriving()

            def each() -> Iterator[Chunk]:
                while (chunk := loop.run(_next(arriving))) is not None:
                    yield chunk

            try:
                yield from counted(each(), uri=self.uri, size=size, on_progress=on_progress)
            finally:
                loop.run(arriving.aclose())

    def download(
        self, target: Path, *, on_progress: OnProgress = lambda done, total: None
    ) -> Download:
        """Bring the file to `target`, which appears whole or not at all."""
        size = self.head().size
        with Landing(target, uri=self.uri, size=size, digest=self.expected) as landing:
            for chunk in self.chunks(on_progress=on_progress):
                landing.add(chunk)
            return landing.finish()

    async def _arriving(self) -> AsyncGenerator[memoryview, None]:
        async with self._web.session() as session:
            file = await self._open(session)
            async with aclosing(file.chunks(await self._locate(file))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _locate(self, file: RemoteFile) -> Located:
        """What was found first stays what is brought."""
        if self._located is None:
            self._located = await file.locate()
        return self._located

    async def _open(self, session: Session) -> RemoteFile:
        session.authorize(self._url, header=self._authorization)
        return RemoteFile(session, url=self._url)

    def _run(self, work: Callable[[RemoteFile], Awaitable[T]]) -> T:
        async def run() -> T:
            async with self._web.session() as session:
                return await work(await self._open(session))

        return asyncio.run(run())


async def _next(chunks: AsyncGenerator[memoryview, None]) -> memoryview | None:
    return await anext(chunks, None)


def open_https(uri: str, *, credentials: Path | None, network: Network) -> WebSource:
    """The file at an `https://` address."""
    keys = Keys.read(credentials, known=KEYS)
    web = Web.of(uri, keys=keys, opens=OPENS, network=network)
    host = uri.split("/")[2].removesuffix(":443")
    return WebSource(web, url=uri, authorization=keys.header(host=host))
