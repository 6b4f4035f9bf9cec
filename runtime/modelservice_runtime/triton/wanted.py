"""Which document this pod is to serve: the newest of what the mount shows and what was pushed.

The mount lags behind a push by up to a minute and a half, and what it shows meanwhile is older: a
pod must not go back to it. Documents say themselves which of two is newer, by their `sequence`; how
far this pod has come is on the volume, for a process that starts anew on it.
"""

import logging
from collections import Counter
from pathlib import Path

from modelservice_runtime.document import Document
from modelservice_runtime.triton.repository import Repository, Told

PUSH, MOUNT = "push", "mount"

log = logging.getLogger(__name__)

Found = tuple[Document, str]  # with its text


class Wanted:
    """Documents by where they came from. `taken` counts those that brought news, by origin."""

    def __init__(self, *, mounted: Path, repository: Repository, in_force: str) -> None:
        self._mounted = mounted
        self._repository = repository
        told = repository.told()
        document = Document.parse_text(in_force)
        self._told = Told(max(told.sequence, document.sequence), told.pushed_at)
        self._newest: Found = (document, in_force)
        self._mount_is_ordered = False
        self.taken = Counter({PUSH: 0, MOUNT: 0})

    @property
    def told(self) -> Told:
        """How new what this pod was told is."""
        return self._told

    def newest(self) -> Found:
        """What is to be served. What the mount shows counts where it is not older."""
        found = self._read()
        if found is None:
            return self._newest
        document, text = found
        if document.sequence:
            self._mount_is_ordered = True
        elif self._mount_is_ordered:
            # An operator of an earlier version has come back, which knows of no sequence.
            self._mount_is_ordered = False
            self._keep(Told(0, self._told.pushed_at))
        if document.sequence < self._told.sequence:
            return self._newest
        if text != self._newest[1]:
            self._take(found, origin=MOUNT, pushed_at=self._told.pushed_at)
        return self._newest

    def push(self, document: Document, *, text: str, signed_at: int) -> None:
        """Take in a document that was verified. Raises OSError where the volume takes no note."""
        self._take((document, text), origin=PUSH, pushed_at=signed_at)

    def _take(self, found: Found, *, origin: str, pushed_at: int) -> None:
        self._keep(Told(found[0].sequence, pushed_at))
        if found[1] != self._newest[1]:
            self.taken[origin] += 1
        self._newest = found

    def _keep(self, told: Told) -> None:
        if told != self._told:
            self._repository.tell(told)
            self._told = told

    def _read(self) -> Found | None:
        try:
            text = self._mounted.read_text()
            return Document.parse_text(text), text
        except (OSError, ValueError) as error:
            # The mount goes with its ConfigMap; what is in force is served on.
            log.warning("the wanted models cannot be read: %s", type(error).__name__)
            return None


def newer(mounted: str, *, kept: str | None) -> str:
    """Of two documents the one that a pod is to begin with, where an earlier one kept a text."""
    if kept is None:
        return mounted
    try:
        before = Document.parse_text(kept)
    except ValueError:  # a node that lost its power may leave an empty file
        return mounted
    return kept if before.sequence > Document.parse_text(mounted).sequence else mounted
