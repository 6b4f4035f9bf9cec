"""A status tells a generation only after the operator has begun to act on it.

The first status of a generation may not come before the first write to a child, where one follows
at once: a process that dies in between would have told that it had done what it had not.
"""

from __future__ import annotations

from e2e.faults.oracles.objects import SERVICE, controller, of, uid
from e2e.faults.record import Request
from e2e.faults.run import Run

# Seconds by which the suite's own watch may be behind the operator's.
BEHIND = 0.15
# Seconds within which a write to a child is of the same pass as the status.
SOON = 0.05


def check(run: Run, reference: Run) -> list[str]:
    began = _generations(run)
    writes = sorted(run.trace.writes(), key=lambda request: request.at)
    told: set[tuple[str, int]] = set()
    found = []
    for index, request in enumerate(writes):
        key = _told(request)
        if key is None or key in told or key not in began:
            continue
        told.add(key)
        own = [one for one in writes if _owner(one) == key[0]]
        # also of a process that died then: what it began is begun
        before = [one for one in own if began[key] <= one.at < request.at]
        # what a later generation brings is not late for this one
        end = min(request.ended + SOON, began.get((key[0], key[1] + 1), request.ended + SOON))
        after = [
            one for one in own if one.process == request.process and request.at < one.at <= end
        ]
        if not before and after and index < len(writes) - 1:
            found.append(f"generation {key[1]} was told before it was acted on: {after[0]}")
    return found


def _generations(run: Run) -> dict[tuple[str, int], float]:
    """When each generation of each ModelService began."""
    began: dict[tuple[str, int], float] = {}
    for change in of(run, SERVICE):
        key = (uid(change.object), int(change.object["metadata"]["generation"]))
        began.setdefault(key, change.at)
    return {key: at - BEHIND for key, at in began.items()}


def _told(request: Request) -> tuple[str, int] | None:
    if request.kind != SERVICE or request.subresource != "status" or not request.committed:
        return None
    answer = request.answer or {}
    generation = (answer.get("status") or {}).get("observedGeneration")
    return (uid(answer), int(generation)) if generation is not None else None


def _owner(request: Request) -> str:
    """The uid of the ModelService that a write is for; empty where it says none."""
    body = request.body or {}
    return str(controller(body).get("uid", "")) if "metadata" in body else ""
