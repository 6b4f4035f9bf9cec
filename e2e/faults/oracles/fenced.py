"""A replica that has lost the lease writes no more when it wakes up and another one leads.

Writes that it had begun beside the one at which it was stopped may still arrive, at once. What
follows upon an answer was begun without the lease.
"""

from __future__ import annotations

from collections.abc import Iterator

from e2e.faults.record import Request
from e2e.faults.run import Run

# Seconds from its first answer in which such writes may come.
GRACE = 0.05
# Kinds that are written side by side; what makes pods comes after them.
MOUNTED = frozenset(
    {"Service", "ConfigMap", "ControllerRevision", "PodDisruptionBudget", "NetworkPolicy"}
)


def check(run: Run, reference: Run) -> list[str]:
    requests = sorted(run.trace.requests, key=lambda request: request.at)
    claims = sorted(filter(_holder, requests), key=lambda request: request.ended)
    found = []
    for process, identity in {item.process: _holder(item) for item in claims}.items():
        lost = _lost(claims, identity=identity)
        if lost is not None:
            own = [item for item in requests if item.process == process]
            found += [
                f"written {item.at - lost:.2f} s after another replica had the lease: {item}"
                for item in _unfenced(own, lost=lost)
            ]
    return found


def _unfenced(requests: list[Request], *, lost: float) -> Iterator[Request]:
    writes = [item for item in requests if item.writes and item.kind not in {"Lease", "Event"}]
    last = next((item for item in reversed(writes) if item.at <= lost), None)
    awake = min((item.ended for item in requests if item.ended > lost), default=0.0)
    for item in writes:
        beside = last is not None and _batch(item) == _batch(last) and item.at <= awake + GRACE
        if item.at > lost and item.at > awake and not beside:
            yield item


def _batch(request: Request) -> str:
    """What is written at the same time."""
    if request.verb == "delete":
        return "delete"
    if request.subresource:
        return request.subresource
    return "mounted" if request.kind in MOUNTED else "workloads"


def _holder(request: Request) -> str:
    """Who has the lease by this request; empty where it is none or was refused."""
    if request.kind != "Lease" or not request.writes or not request.committed:
        return ""
    return str(((request.body or {}).get("spec") or {}).get("holderIdentity") or "")


def _lost(claims: list[Request], *, identity: str) -> float | None:
    """When another one first had the lease after this one, for good."""
    own = [request.ended for request in claims if _holder(request) == identity]
    after = [
        request.ended
        for request in claims
        if _holder(request) != identity and request.ended > max(own)
    ]
    return min(after, default=None)
