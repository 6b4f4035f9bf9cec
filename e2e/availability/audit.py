"""The API server's audit log, read as it grows: which operator asked for what, and when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One answered request. `received` is in seconds since the epoch, `code` the HTTP status."""

    received: float
    user: str
    verb: str
    resource: str  # with its subresource: `modelservices/status`
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it is a write; the Lease's renewals are not counted."""
        return self.verb in WRITES and self.resource != "leases"

    def __str__(self) -> str:
        target = f"{self.resource} {self.namespace}/{self.name}"
        return f"{self.user}: {self.verb} {target} -> {self.code}"


@dataclass
class Audit:
    """Requests of the users whose names begin with `prefix`."""

    path: Path
    prefix: str
    _read: int = 0
    _requests: list[Request] = field(default_factory=list)

    def requests(self) -> list[Request]:
        """All of them so far, as they were answered."""
        mark = f'"username":"{self.prefix}'.encode()
        with self.path.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._read += len(line)
                if mark in line:
                    self._requests.extend(_parsed(json.loads(line)))
        return self._requests

    def mark(self) -> int:
        """How many there are by now: a moment for `writes`."""
        return len(self.requests())

    def writes(self, *, since: int = 0, user: str | None = None) -> list[Request]:
        """Writes since a moment, by one user or by all."""
        return [
            item for item in self.requests()[since:] if item.is_write and user in {None, item.user}
        ]


def _parsed(entry: dict[str, Any]) -> Iterator[Request]:
    target = entry.get("objectRef")
    if entry["stage"] != "ResponseComplete" or target is None:
        return
    resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    yield Request(
        received=datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp(),
        user=entry["user"]["username"],
        verb=entry["verb"],
        resource=resource,
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=entry["responseStatus"]["code"],
    )
