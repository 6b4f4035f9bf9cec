"""What really happened in the plans' namespaces: watches of the suite's own, past the proxies.

One watch a kind serves all plans: the `Historian` sorts what it sees by namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object. `object` is as it was after it (before its end, if DELETED)."""

    at: float
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: str
    object: Manifest

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])


@dataclass(slots=True)
class History:
    """Of one namespace: what is there now, and everything that changed, in order a kind.

    NB: the order between two kinds is that of two watches: within some milliseconds it may be
    wrong. resourceVersions tell the true order.
    """

    namespace: str
    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    # the latest resourceVersion that was seen of each object, also of one that is gone
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    # when anything but a Lease, which is renewed for ever, has changed last
    moved: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, change: Change) -> None:
        """Take in what a watch told."""
        self.changes.append(change)
        if change.kind != "Lease":
            self.moved = change.at
        key = (change.kind, change.name)
        self.versions[key] = int(change.object["metadata"]["resourceVersion"])
        if change.type == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = change.object
        self._changed.set()

    async def until(self, condition: Callable[[Objects], bool]) -> None:
        """Wait for as long as it takes until `condition` holds of `objects`."""
        while not condition(self.objects):
            await self.changed()

    async def changed(self) -> None:
        """Wait for the next change."""
        self._changed.clear()
        await self._changed.wait()
