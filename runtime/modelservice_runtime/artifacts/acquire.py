"""From a URI to the files of a model on the volume, proved: downloaded, unsealed, verified.

What is proved is what lies on the volume: the digests of the files are taken while they are
written, into a folder that only this pod has, and nothing is read a second time from the store.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sealing import trust
from modelservice_runtime.artifacts.sealing.folder import Room
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.artifacts.sealing.opening import Opened, open_artifact
from modelservice_runtime.artifacts.sealing.stages import ahead
from modelservice_runtime.artifacts.sealing.terms import PlatformTrust
from modelservice_runtime.artifacts.sealing.trust import Seal, Verified
from modelservice_runtime.artifacts.sources.landing import not_announced
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.source import Pinning, Source
from modelservice_runtime.artifacts.storage import OnProgress
from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason


@dataclass(frozen=True)
class Acquired:
    """The files of a model, in a folder that goes when they have been taken from it. `pin` names
    the version of the source that they are of, where its address may come to mean another."""

    opened: Opened
    verified: Verified | None
    pin: str | None

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the stored bytes."""
        return f"sha256:{self.opened.digest}"


@dataclass(frozen=True)
class Reach:
    """What opens the sources of a model; see `open_source`."""

    credentials: Path | None
    network: Network
    claims: Path
    hub: str

    def open(self, uri: str) -> Source:
        """The source behind a URI."""
        return open_source(
            uri,
            credentials=self.credentials,
            network=self.network,
            claims=self.claims,
            hub=self.hub,
        )


def seal_of(model: Model, *, platform: PlatformTrust, reach: Reach) -> Seal | None:
    """The model's signature, by somebody trusted; None where none is asked for."""

    def read(uri: str, limit: int) -> bytes:
        source = reach.open(uri)
        size = source.head().size
        if size > limit:
            raise Failure(
                reason=Reason.SOURCE_CHANGED,
                message=f"{uri} has {size} bytes where at most {limit} are expected; something "
                "else was written there. Remove it.",
            )
        return b"".join(source.chunks())

    with about(model.uri):
        return trust.seal(model.uri, terms=model.terms, platform=platform, read=read)


@contextmanager
def acquired(
    model: Model,
    *,
    root: Path,
    reach: Reach,
    seal: Seal | None,
    quota: int | None,
    used: int,
    on_progress: OnProgress,
) -> Iterator[Acquired]:
    """Bring the model's files below `root`. `used` bytes of the volume's `quota` are others'.

    Raises `Failure` for whatever keeps the model from being served.
    """
    key = _key(model)
    source = reach.open(model.uri)
    _require_room(source, quota=quota, used=used)
    into = root / f".{model.name}.opened"  # no model's name begins with a dot
    shutil.rmtree(into, ignore_errors=True)
    room = _room(root, quota=quota, used=used)
    try:
        with about(model.uri):
            with ahead(source.chunks(on_progress=on_progress), depth=1) as chunks:
                opened = open_artifact(chunks, key=key, into=into, room=room)
            if source.announced not in (None, f"sha256:{opened.digest}"):
                raise not_announced(model.uri)
            if model.digest not in (None, f"sha256:{opened.digest}"):
                raise _other_bytes(model, digest=f"sha256:{opened.digest}")
            verified = None if seal is None else seal.verify(opened.files)
        pin = source.pin() if isinstance(source, Pinning) else None
        yield Acquired(opened=opened, verified=verified, pin=pin)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _key(model: Model) -> EncryptionKey | None:
    path = model.terms.key
    if path is None:
        return None
    origin = f"{path.name} in the Secret {path.parent.name}"
    try:
        return EncryptionKey.read(path, origin=origin)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Failure(
            reason=Reason.SECRET_MISSING,
            message=f"The Secret {path.parent.name} does not exist in this namespace or has no key "
            f"{path.name}, which opens {model.uri}. Create it: kubectl create secret generic "
            f"{path.parent.name} --from-file={path.name}=FILE",
        ) from None


def _require_room(source: Source, *, quota: int | None, used: int) -> None:
    # The kubelet evicts a pod that writes more than its volume's limit, without a word to the user.
    if quota is None:
        return
    size = source.head().size
    if used + size > quota:
        raise Failure(
            reason=Reason.STORAGE_FULL,
            message=f"{source.uri} ({size / 2**20:.0f} MiB) does not fit on the volume for models "
            f"({quota / 2**20:.0f} MiB). Raise spec.serving.modelStorage.size.",
        )


def _room(root: Path, *, quota: int | None, used: int) -> Room:
    disk = os.statvfs(root)
    free = disk.f_bavail * disk.f_frsize
    return Room(
        left=free if quota is None else min(free, quota - used),
        whole=free if quota is None else quota,
    )


@contextmanager
def about(uri: str) -> Iterator[None]:
    """Failures name the artifact that they are about."""
    try:
        yield
    except Failure as failure:
        if uri in failure.message:
            raise
        raise Failure(reason=failure.reason, message=f"{uri}: {failure.message}") from None


def _other_bytes(model: Model, *, digest: str) -> Failure:
    if not model.stated:
        return Failure(
            reason=Reason.SOURCE_CHANGED,
            message=f"{model.uri} holds other bytes ({digest}) than when it was looked at "
            f"({model.digest}). Put the old file back, or change the spec to take the new one.",
        )
    return Failure(
        reason=Reason.DIGEST_MISMATCH,
        message=f"{model.uri} has the digest {digest}, but the spec states {model.digest}. "
        "Correct source.sha256, or upload the right file.",
    )
