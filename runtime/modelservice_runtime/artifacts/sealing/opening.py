"""From the stored bytes to the files of the model, in one pass: the chain, taken apart.

    download ─▶ sha256 ─▶ decrypt ─▶ zstd ─▶ tar, zip or one file ─▶ sha256 and write

Each arrow may run in a thread of its own. What the stored bytes are is found from themselves, step
by step, but for encryption: where the spec states a key, what is not encrypted is refused.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.artifacts.sealing import compression, container, tar, zips
from modelservice_runtime.artifacts.sealing.folder import Folder, Room
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.artifacts.sealing.stages import Chunk, Chunks, Reader, ahead
from modelservice_runtime.artifacts.sealing.statement import ONE_FILE
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import content

_ONE = ("model",)


@dataclass(frozen=True)
class Opened:
    """The files of a model below `root`: name → SHA-256 in hex; the only one is named `.`.

    `digest` is that of the stored bytes (hex), `sizes` of the files is in bytes.
    """

    root: Path
    digest: str
    files: Mapping[str, str]
    sizes: Mapping[str, int]

    def path(self, name: str) -> Path:
        """Where one of the files lies."""
        return self.root / _ONE[0] if name == ONE_FILE else self.root / name


def open_artifact(
    chunks: Iterable[Chunk], *, key: EncryptionKey | None, into: Path, room: Room
) -> Opened:
    """Write the files of the model that `chunks` hold into the new folder `into`.

    Raises `Failure`: `DecryptionFailed`, `ArtifactDamaged`, `ArchiveRefused`, `ArtifactTooLarge`,
    and what `chunks` raises. The files are proved by then against nothing but what seals them.
    """
    stored = Reader(chunks)
    with Folder(into, room=room) as folder, _plain(stored, key=key) as (reader, digest):
        archive, whole = _write(reader, folder=folder)
        written = tuple(folder.files.values())
    depth = _common(tuple(one.parts for one in written)) if archive else 0
    names = {"/".join(one.parts[depth:]) if archive else ONE_FILE: one for one in written}
    return Opened(
        root=into.joinpath(*written[0].parts[:depth]),
        # without a wrapping, the bytes that were written first are the stored ones
        digest=whole if digest is None else digest.hexdigest(),
        files={name: one.sha256 for name, one in names.items()},
        sizes={name: one.size for name, one in names.items()},
    )


@contextmanager
def _plain(
    stored: Reader, *, key: EncryptionKey | None
) -> Iterator[tuple[Reader, "hashlib._Hash | None"]]:
    """The bytes within encryption and compression, and what computes the stored ones' digest."""
    start = stored.peek(tar.BLOCK)
    sealed = start.startswith(container.MAGIC)
    if key is None and sealed:
        raise Failure(
            reason=Reason.DECRYPTION_FAILED,
            message="The artifact is encrypted. Name the Secret with its key in "
            "source.encryption.secretRef.",
        )
    if key is not None and not sealed:
        raise Failure(
            reason=Reason.DECRYPTION_FAILED,
            message="The artifact is not encrypted, although source.encryption states a key. "
            "Upload the sealed artifact, or leave source.encryption out.",
        )
    if not (sealed or start.startswith(compression.MAGIC) or tar.recognise(start)):
        yield stored, None
        return
    digest = hashlib.sha256()
    with ExitStack() as steps:
        reader = Reader(steps.enter_context(ahead(_hashed(stored.rest(), digest=digest))))
        if key is not None:
            opened = container.decrypt(reader.rest(), key=key)
            reader = Reader(steps.enter_context(ahead(opened)))
        if reader.peek(len(compression.MAGIC)) == compression.MAGIC:
            unpacked = compression.decompress(reader.rest())
            reader = Reader(steps.enter_context(ahead(unpacked)))
        yield reader, digest


def _write(reader: Reader, *, folder: Folder) -> tuple[bool, str]:
    """Whether it was an archive, and the digest of what was not unpacked on its way."""
    if tar.recognise(reader.peek(tar.BLOCK)):
        tar.unpack(reader.rest(), folder=folder)
        _require_files(folder)
        return True, ""
    whole = folder.write(_ONE, reader.rest()).sha256
    if not _is_folder(folder.path.joinpath(*_ONE)):
        return False, whole
    zips.unpack(_ONE, folder=folder)
    _require_files(folder)
    return True, whole


def _is_folder(path: Path) -> bool:
    """Whether it is a zip archive that is not the file of a model format."""
    with path.open("rb") as file:
        if file.read(len(zips.MAGIC)) != zips.MAGIC:
            return False
        zips.require_small_directory(file)
    return content.look(path) == content.ZIP_ARCHIVE


def _require_files(folder: Folder) -> None:
    if not folder.files:
        raise Failure(
            reason=Reason.ARCHIVE_REFUSED,
            message="The archive holds no file. Pack the model's folder.",
        )


def _hashed(chunks: Chunks, *, digest: "hashlib._Hash") -> Chunks:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _common(paths: tuple[tuple[str, ...], ...]) -> int:
    """How many folders all files lie in: an archive often has the model's own folder in it."""
    depth = 0
    while all(len(path) > depth + 1 and path[depth] == paths[0][depth] for path in paths):
        depth += 1
    return depth
