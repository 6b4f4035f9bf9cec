"""What an earlier start brought and is right still: it is not brought again.

A version's folder is written once, and Triton may have its files loaded. A plain file is known by
its own digest. Of what was unwrapped on its way, a record beside it says which artifact it came
from, which files that had and which of them were placed; those are hashed again. The record is as
safe as the files: nobody but the programs that bring models can write to the volume.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from modelservice_runtime.artifacts.sealing.statement import ONE_FILE
from modelservice_runtime.formats import table

_RECORD = ".artifact.json"
_PREFIX = "sha256:"


@dataclass(frozen=True)
class Kept:
    """An artifact that is there. SHA-256 in hex: `files` of all that it held, by their names in it,
    `placed` of those that are in the folder, by their paths there."""

    digest: str
    files: Mapping[str, str]
    placed: Mapping[str, str]

    def record(self, folder: Path) -> None:
        """Note it beside the files."""
        (folder / _RECORD).write_text(json.dumps(asdict(self), sort_keys=True))


def kept(folder: Path, *, digest: str | None) -> Kept | None:
    """The artifact `digest` (`sha256:<hex>`), if all that is needed of it is in the folder."""
    if digest is None:
        return None
    found = _recorded(folder)
    if found is None:
        path = table.kept(folder)
        if path is None:
            return None
        plain = digest.removeprefix(_PREFIX)
        found = Kept(digest=digest, files={ONE_FILE: plain}, placed={path.name: plain})
    if found.digest != digest:
        return None
    right = all(_hash(folder / name) == stated for name, stated in found.placed.items())
    return found if right else None


def _recorded(folder: Path) -> Kept | None:
    try:
        return Kept(**json.loads((folder / _RECORD).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None  # none, or half of one: it is brought again


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
