"""What went over the wire between the operator and the API server, as plain data.

Times are seconds of the plan's clock: `time.monotonic()` of the suite's process, the same in
requests, watch events and history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]

WRITES = frozenset({"create", "apply", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of an operator process.

    `at` is when it arrived at the proxy, `ended` when the answer was there. `process` is the
    ordinal of the process in its plan, 1 for the first. `status` and `answer` are the API server's
    own, 0 and None where it never saw the request; `told` is the status that the operator got, 0
    where it got none. `answer` is kept for writes and single objects, not for lists. `fault` is
    what was done to it, empty where nothing was.
    """

    at: float
    ended: float
    process: int
    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]
    body: Manifest | None
    status: int
    told: int
    answer: Manifest | None
    fault: str = ""

    @property
    def writes(self) -> bool:
        return self.verb in WRITES

    @property
    def committed(self) -> bool:
        """Whether the API server carried it out."""
        return 200 <= self.status < 300

    @property
    def shape(self) -> tuple[str, str, str]:
        """(verb, kind, subresource)."""
        return self.verb, self.kind, self.subresource

    def __str__(self) -> str:
        what = "/".join(part for part in (self.kind, self.name, self.subresource) if part)
        fault = f" [{self.fault}]" if self.fault else ""
        told = "" if self.told == self.status else f", told {self.told or 'nothing'}"
        status = self.status or "unseen"
        return f"process {self.process}: {self.verb} {what} → {status}{told}{fault}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """One event of a watch, as the API server sent it; `fault` is what was done to it."""

    at: float
    process: int
    kind: str
    type: str
    object: Manifest
    fault: str = ""

    @property
    def name(self) -> str:
        return str(self.object.get("metadata", {}).get("name", ""))


@dataclass(slots=True)
class Trace:
    """All of it, in the order of arrival."""

    requests: list[Request] = field(default_factory=list)
    events: list[WatchEvent] = field(default_factory=list)

    def writes(self, *, since: float = 0.0) -> Iterator[Request]:
        """Writes that arrived at or after `since`; the Lease's renewals are none."""
        for request in self.requests:
            if request.at >= since and request.writes and request.kind != "Lease":
                yield request
