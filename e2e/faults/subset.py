"""The part of the plans that fits a short run, chosen by a rule.

The classes take turns (`TURNS`), and each gives the plan that brings the most of what no chosen
plan has yet: the class in another workload, another fault, the fault at another kind or verb. Ties
go by a hash of the id, so that the choice moves little when plans come or go.

What mostly waits has fewer such claims, and so few places: a request that hangs until the operator
gives up (half a minute), workloads that the operator's own pauses make slow.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from e2e.faults.plan import HANGING, Fault, Plan
from e2e.faults.workload import Workload

SIZE: Final = 250
# How many of a class are chosen in a round; one of those that are not named. Where a process dies
# after each write, a plan costs as much as five others.
TURNS: Final = {
    "answer": 2.0,
    "crash loop": 1 / 3,
    "kill": 3.0,
    "lost answer": 2.0,
    "stale restart": 2.0,
    "throttle": 1 / 2,
    "watch": 3.0,
}


def subset(
    plans: Iterable[Plan], *, workloads: Mapping[str, Workload], size: int = SIZE
) -> list[Plan]:
    """At most `size` of `plans`, sorted by id; the fault-free ones are always among them."""
    given = list(plans)
    chosen = [plan for plan in given if not plan.faults]
    covered: set[str] = set()
    classes = {
        kind: _Candidates(
            (plan for plan in given if plan.kind == kind and plan.faults), workloads=workloads
        )
        for kind in sorted({plan.kind for plan in given})
    }
    turns = dict.fromkeys(classes, 1.0)  # each begins with one
    while any(classes.values()):
        for kind, candidates in classes.items():
            while turns[kind] >= 1.0:
                turns[kind] -= 1.0
                if len(chosen) < size:
                    chosen += candidates.best(covered)
            turns[kind] += TURNS.get(kind, 1.0)
        if len(chosen) >= size:
            break
    return sorted(chosen, key=lambda plan: plan.id)


class _Candidates:
    """The plans of one class that are not chosen yet."""

    def __init__(self, plans: Iterable[Plan], *, workloads: Mapping[str, Workload]) -> None:
        self._queue = []
        for plan in plans:
            claims = _claims(plan, slow=workloads[plan.workload].slow)
            mark = sha256(plan.id.encode()).hexdigest()
            self._queue.append((-len(claims), mark, plan, claims))
        heapq.heapify(self._queue)

    def __bool__(self) -> bool:
        return bool(self._queue)

    def best(self, covered: set[str]) -> list[Plan]:
        """Take out the one that covers most anew, and note what it covers; none if none is left."""
        while self._queue:
            gain, mark, plan, claims = heapq.heappop(self._queue)
            new = -len(claims - covered)
            if new > gain:  # others were chosen since: it may still be the best
                heapq.heappush(self._queue, (new, mark, plan, claims))
                continue
            covered |= claims
            return [plan]
        return []


def _claims(plan: Plan, *, slow: bool) -> frozenset[str]:
    """What a plan covers, in words."""
    if slow:
        return frozenset({f"slow {plan.workload}"})
    if any(fault.action in HANGING for fault in plan.faults):
        return frozenset(f"{fault.action} {fault.match.verb}" for fault in plan.faults)
    claims = {f"{plan.kind} in {plan.workload}"}
    for fault in plan.faults:
        what = f"{fault.action} {fault.status}"
        match = fault.match
        claims |= {
            f"{what} in {plan.workload}" if fault.of_events else f"{what} of {match.verb}",
            f"{_family(fault)} of {match.kind}/{match.subresource}",
            f"{what} of {match.type} of {match.verb} of {match.kind}/{match.subresource}",
        }
    return frozenset(claims)


def _family(fault: Fault) -> str:
    return "event" if fault.of_events else fault.action.partition("-")[0]
