"""One file on a web server: where it is in the end, which version it is, and its bytes in order.

Where the server can, the bytes travel as parallel ranges: each begins again where its connection
broke, and each must be of the version that was found first, by `If-Range` and by what the answer
says of itself. Else it is one stream, which nothing can resume.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from modelservice_runtime.artifacts import ranges
from modelservice_runtime.artifacts.sources.web import BUFFER, Answer, Broken, Session
from modelservice_runtime.artifacts.storage import Head
from modelservice_runtime.failure import Failure, Reason

ATTEMPTS: Final = 4  # without getting on
GAIN: Final = 64 * 1024  # bytes that count as getting on
FIRST_WAIT_SECONDS = 0.2
_TOTAL: Final = re.compile(r"bytes 0-0/([0-9]{1,18})")
_NOTHING: Final = "bytes */0"


@dataclass(frozen=True)
class Located:
    """A version of the file. `url` is where the redirects ended, `heads` what was said on the way;
    `ranges` whether parts of it can be had."""

    url: str
    size: int
    etag: str | None
    modified: str | None
    ranges: bool
    heads: tuple[Mapping[str, str], ...]

    @property
    def head(self) -> Head:
        """As S3 tells it."""
        return Head(size=self.size, etag=self.etag)

    @property
    def validator(self) -> str | None:
        """What `If-Range` may hold: a strong ETag, else a date."""
        strong = self.etag if self.etag is not None and self.etag.startswith('"') else None
        return strong or self.modified

    def is_version(self, answer: Answer) -> bool:
        """Whether an answer is of this version, as far as servers say."""
        etag = answer.headers.get("ETag")
        if self.etag is not None and etag is not None:
            return etag == self.etag
        modified = answer.headers.get("Last-Modified")
        return self.modified is None or modified is None or modified == self.modified


class RemoteFile:
    """The file at `url`. `renew` gets a new authorization where one has run out."""

    def __init__(
        self, session: Session, *, url: str, renew: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._session = session
        self._web = session.web
        self._url = url
        self._renew = renew

    async def locate(self) -> Located:
        """Look at the file without bringing it."""
        async with self._session.get(self._url, headers={"Range": "bytes=0-0"}) as answer:
            if answer.status == 206:
                found = _TOTAL.fullmatch(answer.headers.get("Content-Range", ""))
                size = int(found[1]) if found else None
            elif answer.status == 416 and answer.headers.get("Content-Range") == _NOTHING:
                size = 0
            elif answer.status == 200:
                length = answer.headers.get("Content-Length", "")
                size = int(length) if length.isdigit() and len(length) <= 18 else None
            else:
                raise self._web.failure(answer.status)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise self._web.unfit(
                    "sends the file compressed though it was asked not to. Turn that off there"
                )
            if size is None:
                raise self._web.unfit(
                    "does not say how many bytes the file has. Serve it from one that does "
                    "(Content-Length)"
                )
            return Located(
                url=answer.url,
                size=size,
                etag=answer.headers.get("ETag"),
                modified=answer.headers.get("Last-Modified"),
                ranges=answer.status == 206,
                heads=answer.heads,
            )

    def chunks(self, located: Located) -> AsyncGenerator[memoryview, None]:
        """The bytes in order."""
        if located.ranges:
            return ranges.windowed(partial(self._range, located), size=located.size)
        return self._stream(located)

    async def _stream(self, located: Located) -> AsyncGenerator[memoryview, None]:
        async with self._session.get(self._url) as answer:
            if answer.status != 200:
                raise self._web.failure(answer.status)
            if answer.headers.get("Content-Length") != str(located.size):
                raise self._replaced()
            self._require_version(answer, located=located)
            async for chunk in answer.content.iter_chunked(BUFFER):
                yield memoryview(chunk)

    async def _range(self, located: Located, start: int, end: int) -> memoryview:
        """Exactly the bytes from `start` to before `end`, over as many connections as it takes."""
        data = bytearray()
        failed = 0
        denied = False
        while len(data) < end - start:
            before = len(data)
            try:
                # What redirects lead to may be signed for minutes only: they are followed again.
                url = located.url if failed == 0 else self._url
                await self._read(data, located=located, url=url, start=start + before, end=end)
            except Broken:
                failed = 1 if len(data) - before >= GAIN else failed + 1
                if failed >= ATTEMPTS:
                    raise
            except Failure as failure:
                if failure.reason is not Reason.ACCESS_DENIED or denied:
                    raise
                denied = True
                failed += 1
                if self._renew is not None:
                    await self._renew()
            if failed:
                await asyncio.sleep(FIRST_WAIT_SECONDS * 2 ** (failed - 1))
        return memoryview(data)

    async def _read(
        self, data: bytearray, *, located: Located, url: str, start: int, end: int
    ) -> None:
        """Add what one answer brings of a range."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if located.validator is not None:
            headers["If-Range"] = located.validator
        async with self._session.get(url, headers=headers) as answer:
            if answer.status in (200, 412, 416):
                raise self._replaced()
            if answer.status != 206:
                raise self._web.failure(answer.status)
            self._require_version(answer, located=located)
            told = answer.headers.get("Content-Range", "")
            if told != f"bytes {start}-{end - 1}/{located.size}":
                if told.endswith(f"/{located.size}"):
                    raise self._web.unfit("sends other parts of the file than it is asked for")
                raise self._replaced()
            room = end - start
            async for chunk in answer.content.iter_any():
                room -= len(chunk)
                if room < 0:
                    raise self._web.unfit("sends more bytes than it announces")
                data += chunk
            if room:
                raise self._web.broken()

    def _require_version(self, answer: Answer, *, located: Located) -> None:
        if not located.is_version(answer):
            raise self._replaced()

    def _replaced(self) -> Failure:
        return Failure(
            reason=Reason.STORAGE_UNAVAILABLE,
            message=f"{self._web.uri} was replaced while it was being read.",
        )
