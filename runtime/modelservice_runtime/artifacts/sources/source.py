"""What every source of a file offers, whatever its scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from modelservice_runtime.artifacts.storage import Download, Head, OnProgress


class Source(Protocol):
    """One file somewhere. Everything raises `Failure` about `uri`."""

    @property
    def uri(self) -> str:
        """The address as the spec has it."""
        ...

    def head(self) -> Head:
        """Size and version without the bytes."""
        ...

    def download(self, target: Path, *, on_progress: OnProgress = ...) -> Download:
        """Bring the file to `target`, which appears whole or not at all."""
        ...
