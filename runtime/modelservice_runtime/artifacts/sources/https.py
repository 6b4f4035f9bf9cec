"""`https://`: a file on any web server; the frame for what builds on one (a hub, a registry)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.keys import AUTHORIZATION, PASSWORD, USERNAME, Keys
from modelservice_runtime.artifacts.sources.landing import Landing
from modelservice_runtime.artifacts.sources.remote import Located, RemoteFile
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

    def download(
        self, target: Path, *, on_progress: OnProgress = lambda done, total: None
    ) -> Download:
        """Bring the file to `target`, which appears whole or not at all."""

        async def bring(file: RemoteFile) -> Download:
            located = await self._locate(file)
            with Landing(
                target,
                uri=self.uri,
                size=located.size,
                digest=self.expected,
                on_progress=on_progress,
            ) as landing:
                async with aclosing(file.chunks(located)) as chunks:
                    async for chunk in chunks:
                        landing.add(chunk)
                return landing.finish()

        return self._run(bring)

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


def open_https(uri: str, *, credentials: Path | None, network: Network) -> WebSource:
    """The file at an `https://` address."""
    keys = Keys.read(credentials, known=KEYS)
    web = Web.of(uri, keys=keys, opens=OPENS, network=network)
    host = uri.split("/")[2].removesuffix(":443")
    return WebSource(web, url=uri, authorization=keys.header(host=host))
