"""From a model to its sealed artifact, in one pass: the chain that `opening` takes apart.

    file, or folder as tar ─▶ zstd ─▶ encrypt ─▶ sha256 ─▶ artifact
                           └─▶ sha256 of each file ─▶ statement ─▶ signature

What is signed is what was packed: the digests are of the bytes as they went by.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.artifacts.sealing import compression, container, tar
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.artifacts.sealing.members import Members, shown
from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES, Chunks, ahead
from modelservice_runtime.artifacts.sealing.statement import ONE_FILE, Statement
from modelservice_runtime.failure import Failure, Reason

# As the OpenSSF library leaves them out of what it signs.
_LEFT_OUT = frozenset({".git", ".gitignore", ".gitattributes", ".github", "model.sig"})


@dataclass(frozen=True)
class Model:
    """What is to be sealed: its files by name. `archive` says that they are a folder."""

    name: str
    files: Mapping[str, Path]
    archive: bool

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(path.stat().st_size for path in self.files.values())

    @classmethod
    def of(cls, path: Path) -> "Model":
        """A file, or a folder with all that is in it. Raises `Failure`."""
        path = path.resolve()
        if path.is_dir():
            files = dict(sorted(_files_of(path)))
            if not files:
                raise _refused(f"{path} holds no file")
            return cls(name=path.name, files=files, archive=True)
        if path.is_file():
            return cls(name=path.name, files={ONE_FILE: path}, archive=False)
        raise _refused(f"{path} is neither a file nor a folder")


@dataclass(frozen=True)
class Packed:
    """An artifact that was written. `sha256` in hex, `size` in bytes, both of the artifact."""

    sha256: str
    size: int
    statement: Statement


def pack(
    model: Model,
    *,
    output: Path,
    key: EncryptionKey | None,
    compress: bool,
    name: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Packed:
    """Write the artifact to `output`, which appears whole or not at all.

    `name` is what the signature will be for; the model's own when left out.
    """
    partial = output.with_name(f".{output.name}.partial")
    digests: dict[str, str] = {}
    whole, size = hashlib.sha256(), 0
    try:
        with ExitStack() as steps, partial.open("wb") as file:
            chunks: Chunks = _plain(model, digests=digests, on_progress=on_progress)
            chunks = steps.enter_context(ahead(chunks))
            if compress:
                chunks = steps.enter_context(ahead(compression.compress(chunks)))
            if key is not None:
                chunks = steps.enter_context(ahead(container.encrypt(chunks, key=key)))
            for chunk in chunks:
                whole.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return Packed(
        sha256=whole.hexdigest(),
        size=size,
        statement=Statement(name=name or model.name, files=digests),
    )


def suffix(model: Model, *, compress: bool, encrypted: bool) -> str:
    """What is added to a model's name, so that the artifact's says what it is."""
    return "".join(
        (".tar" * model.archive, ".zst" * compress, ".sealed" * encrypted),
    )


def _plain(
    model: Model, *, digests: dict[str, str], on_progress: Callable[[int, int], None]
) -> Chunks:
    total, done = model.size, 0
    for name, path in model.files.items():
        size, digest = path.stat().st_size, hashlib.sha256()
        if model.archive:
            yield tar.header(name, size=size)
        length = 0
        for chunk in _content(path):
            digest.update(chunk)
            length += len(chunk)
            on_progress(done + length, total)
            yield chunk
        if length != size:
            raise _refused(f"{path} changed while it was read")
        if model.archive:
            yield bytes(-size % tar.BLOCK)
        digests[name] = digest.hexdigest()
        done += size
    if model.archive:
        yield tar.end()


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    members = Members()
    waiting: list[Sequence[str]] = [()]
    while waiting:
        parts = waiting.pop()
        for path in sorted(folder.joinpath(*parts).iterdir()):
            name = (*parts, path.name)
            if not parts and path.name in _LEFT_OUT:
                continue
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise _refused(
                    f"{shown('/'.join(name))} is a link or a device; pack the file that it leads to"
                )
            if path.is_dir():
                waiting.append(name)
            else:
                yield "/".join(members.file("/".join(name))), path


def _refused(what: str) -> Failure:
    return Failure(reason=Reason.MODEL_INVALID, message=f"Nothing was sealed: {what}.")
