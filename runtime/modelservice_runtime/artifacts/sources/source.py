"""What every source of a file offers, whatever its scheme."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelservice_runtime.artifacts.storage import Download, Head, OnProgress

Chunk = bytes | memoryview


class Source(Protocol):
    """One file somewhere. Everything raises `Failure` about `uri`."""

    @property
    def uri(self) -> str:
        """The address as the spec has it."""
        ...

    @property
    def announced(self) -> str | None:
        """`sha256:<hex>` of the bytes, where the server has said it; they are held against it."""
        ...

    def head(self) -> Head:
        """Size and version without the bytes."""
        ...

    def chunks(self, *, on_progress: OnProgress = ...) -> Generator[Chunk, None, None]:
        """The bytes in order, as they come: of one version, and as many as `head` says."""
        ...

    def download(self, target: Path, *, on_progress: OnProgress = ...) -> Download:
        """Bring the file to `target`, which appears whole or not at all."""
        ...


@runtime_checkable
class Pinning(Protocol):
    """A source whose address may come to mean other bytes, and that can say what it means now."""

    def pin(self) -> str | None:
        """What names these bytes for good, once they were looked at; None where nothing does."""
        ...
