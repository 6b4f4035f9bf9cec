"""Nothing is made for a ModelService that the operator has seen go."""

from __future__ import annotations

from e2e.faults.oracles.objects import SERVICE, controller, leaves, uid
from e2e.faults.run import Run

# Seconds in which what was begun before may still come: the operator hears of a deletion between
# two writes of one pass.
GRACE = 0.5


def check(run: Run, reference: Run) -> list[str]:
    seen: dict[tuple[int, str], float] = {}
    for event in run.trace.events:
        deleted = event.kind == SERVICE and (event.type == "DELETED" or leaves(event.object))
        if deleted and event.fault in {"", "duplicate"}:
            seen.setdefault((event.process, uid(event.object)), event.at)
    found = []
    for request in run.trace.writes():
        if request.verb not in {"create", "apply"} or request.body is None or request.subresource:
            continue
        owner = controller(request.body) if "metadata" in request.body else {}
        at = seen.get((request.process, str(owner.get("uid"))))
        if at is not None and request.at > at + GRACE:
            late = request.at - at
            found.append(f"made {late:.2f} s after its ModelService was seen to go: {request}")
    return found
