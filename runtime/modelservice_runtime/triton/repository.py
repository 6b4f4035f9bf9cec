"""Triton's model repository on the pod's volume: fetch fills it, the agent changes it.

    /models/.models.json            the document in force: a file, which Triton does not look at
    /models/.told.json              how new the newest document is that this pod was told of
    /models/<model>/config.pbtxt    replaced by rename, so that it is always whole
    /models/<model>/labels-….txt    names of classes, by their content
    /models/<model>/<version>/      the model's files, and the executor where one runs it

A version's folder is written once. So what Triton has loaded stays as it was while another version
comes, and is there when the other one turns out to be bad.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.artifacts.bring import Brought
from modelservice_runtime.document import Document
from modelservice_runtime.triton import executor_path, labels, pulse
from modelservice_runtime.triton.config import Target

_IN_FORCE = ".models.json"
_TOLD = ".told.json"
_CONFIG = "config.pbtxt"
_BEFORE = ".config.before"  # beside it while another one is tried; empty where there was none


@dataclass(frozen=True)
class Told:
    """How new what a pod was told is: the greatest `sequence` of a document, and when the last
    push was signed (microseconds since the epoch)."""

    sequence: int = 0
    pushed_at: int = 0


@dataclass(frozen=True)
class Repository:
    """The repository below `root`."""

    root: Path

    def install(self, brought: Brought, *, target: Target) -> None:
        """Put labels beside the model, and the executor where it is needed."""
        for name, text in labels.files(brought.model):
            _replace(self.root / brought.model.name / name, text=text)
        if brought.format is not None and target.runs_in_executor(brought.format):
            shutil.copyfile(executor_path(), brought.path.with_name("model.py"))
            pulse.prepare(brought.path.parent, instances=brought.model.instance_count)

    def config(self, model: str) -> str | None:
        """The text of a model's `config.pbtxt`; None for a model that is not there."""
        try:
            return (self.root / model / _CONFIG).read_text()
        except FileNotFoundError:
            return None

    def configure(self, model: str, *, text: str | None) -> None:
        """Replace a model's `config.pbtxt`; None takes it away."""
        if text is None:
            (self.root / model / _CONFIG).unlink(missing_ok=True)
        else:
            _replace(self.root / model / _CONFIG, text=text)

    def switch(self, model: str, *, text: str) -> None:
        """Replace a model's `config.pbtxt` for a try: `put_back` or `settle` ends it."""
        before = self.root / model / _BEFORE
        if not before.exists():
            _replace(before, text=self.config(model) or "")
        self.configure(model, text=text)

    def put_back(self, model: str) -> None:
        """Undo a try."""
        before = self.root / model / _BEFORE
        if before.exists():
            self.configure(model, text=before.read_text() or None)
            before.unlink()

    def settle(self, model: str) -> None:
        """Keep what was tried."""
        (self.root / model / _BEFORE).unlink(missing_ok=True)

    def put_all_back(self) -> None:
        """Undo the tries of a process that ended amid them."""
        for model in self._folders(self.root):
            self.put_back(model.name)

    def in_force(self) -> str | None:
        """The document that was recorded last, as text."""
        try:
            return (self.root / _IN_FORCE).read_text()
        except FileNotFoundError:
            return None

    def record(self, text: str) -> None:
        """Note which document is in force: all of it is on the volume."""
        _replace(self.root / _IN_FORCE, text=text)

    def told(self) -> Told:
        """What `tell` noted last."""
        try:
            noted = json.loads((self.root / _TOLD).read_text())
            return Told(sequence=int(noted["sequence"]), pushed_at=int(noted["pushedAt"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return Told()  # a node that lost its power may leave an empty file

    def tell(self, told: Told) -> None:
        """Note it, for a process that comes after this one."""
        noted = {"sequence": told.sequence, "pushedAt": told.pushed_at}
        _replace(self.root / _TOLD, text=json.dumps(noted))

    def bytes_beside(self, document: Document) -> int:
        """What the versions that `document` does not have take of the volume."""
        return sum(
            file.stat().st_size
            for version in self._beside(document)
            for file in version.rglob("*")
            if file.is_file()
        )

    def prune(self, document: Document) -> None:
        """Remove what `document` does not have."""
        for version in list(self._beside(document)):
            shutil.rmtree(version)
        wanted = {model.name: model for model in document.models}
        for folder in list(self._folders(self.root)):
            if folder.name not in wanted:
                shutil.rmtree(folder)
                continue
            named = {name for name, _ in labels.files(wanted[folder.name])}
            for file in list(folder.iterdir()):
                if labels.are_labels(file.name) and file.name not in named:
                    file.unlink()

    def _beside(self, document: Document) -> Iterator[Path]:
        kept = {model.folder(self.root) for model in document.models}
        for model in self._folders(self.root):
            yield from (version for version in self._folders(model) if version not in kept)

    @staticmethod
    def _folders(path: Path) -> Iterator[Path]:
        return (one for one in path.iterdir() if one.is_dir() and one.name[0] != ".")


def _replace(path: Path, *, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.rename(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
