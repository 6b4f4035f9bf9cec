"""One place in S3: read, download, upload. Used by fetch, check and the trainer.

All S3 work of the pods goes through here: the network policy, the credentials and the meaning of
errors are decided once. The interface is synchronous because its users are programs that do one
thing after another; inside, big objects travel as parallel ranges.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from modelservice_runtime.artifacts import credentials as secret
from modelservice_runtime.artifacts import ranges
from modelservice_runtime.artifacts.errors import Place, full, translated
from modelservice_runtime.artifacts.guard import Guard
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.failure import Failure, Reason

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

OnProgress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all) as they arrive."""

_URI = re.compile(r"s3://([a-zA-Z0-9][a-zA-Z0-9._-]{1,62})/(.*)", re.DOTALL)

# A broken range is tried again here; a storage that stays away is the patience loop's matter.
_RETRY: RetryConfig = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=3)},
}


@dataclass(frozen=True)
class Head:
    """What storage says about an object without sending it. `size` in bytes."""

    size: int
    etag: str | None


@dataclass(frozen=True)
class Download:
    """A file that was brought. `digest` is `sha256:<64 hex>`, `size` in bytes."""

    digest: str
    size: int
    seconds: float


@dataclass(frozen=True)
class Storage:
    """An object (or a prefix, see `child`) of one bucket, and the way to it."""

    place: Place
    store: S3Store
    guard: Guard

    @classmethod
    def open(cls, uri: str, *, credentials: Path, network: Network) -> Self:
        """Read the Secret mounted at `credentials`, check its endpoint, prepare the connection.

        Raises `Failure`: `SecretMissing`, `EndpointRefused`, `SourceNotFound` for a URI that names
        nothing, `StorageUnavailable` for an endpoint that DNS does not know.
        """
        bucket, key = _parts(uri)
        access = secret.read(credentials)
        return cls._of(bucket, key, access=access, name=credentials.name, network=network)

    @classmethod
    def reach(cls, uri: str, *, access: secret.Access, network: Network) -> Self:
        """The same with keys that are no Secret's: a user's own, where a program runs by hand."""
        bucket, key = _parts(uri)
        return cls._of(bucket, key, access=access, name="(yours)", network=network)

    @classmethod
    def _of(
        cls, bucket: str, key: str, *, access: secret.Access, name: str, network: Network
    ) -> Self:
        if access.endpoint is not None:
            network.check(access.endpoint, trusted=True)
        place = Place(bucket=bucket, key=key, aws=access.endpoint is None, secret=name)
        trusted = urlsplit(access.endpoint).hostname if access.endpoint is not None else None
        guard = Guard(network, trusted=trusted)
        return cls(place=place, store=_connect(place, access=access, guard=guard), guard=guard)

    @property
    def uri(self) -> str:
        """The `s3://` address of this place."""
        return self.place.uri

    @property
    def announced(self) -> None:
        """S3 says nothing of the bytes that would hold for every upload."""
        return None

    def child(self, name: str) -> Storage:
        """The object `name` below this prefix (which ends with `/`, as `output.uri` does)."""
        prefix = self.place.key
        key = f"{prefix}{name}" if not prefix or prefix.endswith("/") else f"{prefix}/{name}"
        return Storage(place=self.place.at(key), store=self.store, guard=self.guard)

    def head(self) -> Head:
        """Size and etag. `SourceNotFound` where there is no such object."""
        self._must_be_object()
        with self._translated():
            try:
                meta = obstore.head(self.store, self.place.key)
            except (FileNotFoundError, BaseError):
                # An answer to HEAD has no body, so no error code; the one to GET says more.
                meta = obstore.get(self.store, self.place.key).meta
        return Head(size=meta["size"], etag=meta["e_tag"])

    def download(
        self, target: Path, *, on_progress: OnProgress = lambda done, total: None
    ) -> Download:
        """Bring the object to `target`, which appears whole or not at all."""
        started = time.monotonic()
        head = self.head()
        if head.size > _free(target.parent):
            raise full(self.uri, size=head.size)
        partial = target.with_name(f".{target.name}.partial")
        try:
            with self._translated():
                digest = asyncio.run(self._stream(head, partial=partial, on_progress=on_progress))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return Download(
            digest=f"sha256:{digest}", size=head.size, seconds=time.monotonic() - started
        )

    async def _stream(self, head: Head, *, partial: Path, on_progress: OnProgress) -> str:
        digest = hashlib.sha256()
        done = 0
        chunks = ranges.ordered(self.store, key=self.place.key, size=head.size, etag=head.etag)
        with partial.open("wb") as file:
            async with aclosing(chunks):
                async for chunk in chunks:
                    # Both release the GIL on buffers of this size, and the ranges behind this one
                    # go on arriving in obstore's own threads: nothing waits for the digest.
                    digest.update(chunk)
                    file.write(chunk)
                    done += len(chunk)
                    on_progress(done, head.size)
        return digest.hexdigest()

    def chunks(
        self, *, on_progress: OnProgress = lambda done, total: None
    ) -> Generator[memoryview, None, None]:
        """The object's bytes in order, as they come; of one version of it, or `Failure`."""
        head = self.head()
        with self._translated(), asyncio.Runner() as loop:
            arriving = ranges.ordered(
                self.store, key=self.place.key, size=head.size, etag=head.etag
            )
            done = 0
            try:
                while chunk := loop.run(_next(arriving)):
                    done += len(chunk)
                    on_progress(done, head.size)
                    yield chunk
            finally:
                loop.run(arriving.aclose())

    def get_bytes(self, *, limit: int) -> bytes:
        """The whole of a small object (a manifest); `SourceChanged` where it has more bytes."""
        head = self.head()
        if head.size > limit:
            raise Failure(
                reason=Reason.SOURCE_CHANGED,
                message=f"{self.uri} has {head.size} bytes where at most {limit} are expected; "
                "something else was written there. Remove it.",
            )
        with self._translated():
            return bytes(obstore.get(self.store, self.place.key).bytes())

    def upload(self, source: Path) -> None:
        """Write the file `source` there, in parts when it is big; replaces what is there."""
        self._must_be_object()
        with self._translated():
            obstore.put(self.store, self.place.key, source, max_concurrency=4)

    def put_bytes(self, data: bytes, *, if_absent: bool = False) -> bool:
        """Write `data`; with `if_absent` only where nothing is (decided by storage, atomically).

        Returns False when `if_absent` found an object, which is then left as it is.
        """
        self._must_be_object()
        with self._translated():
            try:
                obstore.put(
                    self.store, self.place.key, data, mode="create" if if_absent else "overwrite"
                )
            except AlreadyExistsError:
                return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors as a `Failure`: that of the guard where it refused a connection."""
        try:
            with translated(self.place):
                yield
        except Failure:
            if self.guard.refusal is not None:
                raise self.guard.refusal from None
            raise

    def _must_be_object(self) -> None:
        # The client drops a last slash: it would quietly read or write another object.
        if not self.place.key or self.place.key.endswith("/"):
            raise Failure(
                reason=Reason.SOURCE_NOT_FOUND,
                message=f"{self.uri} names a folder. Name the object, as in "
                "s3://bucket/path/model.onnx.",
            )


def _parts(uri: str) -> tuple[str, str]:
    """Bucket and key."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise Failure(
            reason=Reason.SOURCE_NOT_FOUND,
            message=f"{uri} is not an S3 address. Write it as s3://bucket/path/model.onnx.",
        )
    return match[1], match[2]


def _connect(place: Place, *, access: secret.Access, guard: Guard) -> S3Store:
    client: ClientConfig = {
        "connect_timeout": "3s",
        "read_timeout": "30s",
        "timeout": "10m",
        "allow_http": (access.endpoint or "").startswith("http://"),
        "proxy_url": guard.url,
    }
    config: S3Config = {
        "bucket": place.bucket,
        "region": access.region,
        "access_key_id": access.access_key_id,
        "secret_access_key": access.secret_access_key,
        # Other S3 servers rarely have a DNS name for each bucket; AWS wants one.
        "virtual_hosted_style_request": access.endpoint is None,
    }
    if access.endpoint is not None:
        config["endpoint"] = access.endpoint.rstrip("/")
    if access.session_token is not None:
        config["session_token"] = access.session_token
    return S3Store(config=config, client_options=client, retry_config=_RETRY)


async def _next(chunks: AsyncGenerator[memoryview, None]) -> memoryview | None:
    return await anext(chunks, None)


def _free(directory: Path) -> int:
    usage = os.statvfs(directory)
    return usage.f_bavail * usage.f_frsize
