"""A mistake as a replacement of text, and the copy of the operator's sources that has it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from e2e.rig.operators import SOURCES

PACKAGE = "modelservice_operator"


class Unseeded(Exception):  # noqa: N818 - it says what is wrong with the mutant
    """The text that a mistake replaces is not there exactly once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` occurs exactly once in `file` (below the package) and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """`about` completes "an operator that …"; `probes` are the plans likely to catch it."""

    name: str
    about: str
    edits: tuple[Edit, ...]
    probes: tuple[str, ...]


def seed(mutant: Mutant, *, target: Path, sources: Path = SOURCES) -> Path:
    """Copy the operator to `target` with the mistake in it: a source for `Launcher.start`."""
    shutil.copytree(
        sources / "operator", target / "operator", ignore=shutil.ignore_patterns("__pycache__")
    )
    for edit in mutant.edits:
        file = target / "operator" / PACKAGE / edit.file
        text = file.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise Unseeded(
                f"{mutant.name}: {text.count(edit.old)} times in {edit.file}:\n{edit.old}"
            )
        file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return target
