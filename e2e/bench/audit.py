"""What the API server was asked for, by whom and when: its audit log, read a part at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# A watch ends where its client does, and is no read of an object.
READS = frozenset({"get", "list"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that was answered. Times are seconds since the epoch."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    received: float
    answered: float

    @property
    def writes(self) -> bool:
        return self.verb in WRITES

    @property
    def reads(self) -> bool:
        return self.verb in READS


class Audit:
    """A growing audit log; `entries` gives what came since it was asked last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip(self) -> None:
        """Leave out what was written so far."""
        self._offset = self._path.stat().st_size if self._path.exists() else 0

    def entries(self) -> list[Entry]:
        """What was answered since the last call."""
        return list(self._read())

    def _read(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._offset += len(line)
                entry = parse(line)
                if entry is not None:
                    yield entry


def parse(line: bytes) -> Entry | None:
    """An entry from a line of the log; None where it is not about a resource, or not the end."""
    event = json.loads(line)
    target = event.get("objectRef")
    if target is None or event["stage"] != "ResponseComplete":
        return None
    return Entry(
        user=event["user"]["username"],
        verb=event["verb"],
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
