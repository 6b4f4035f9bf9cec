"""A fault costs a few writes more, never many: nothing is tried in a loop without pauses."""

from __future__ import annotations

from collections import Counter

from e2e.faults.oracles.objects import SERVICE, uid
from e2e.faults.record import Request
from e2e.faults.run import Run
from e2e.faults.workloads import WORKLOADS

TIMES, MORE, MORE_A_FAULT = 1.5, 12, 6
# Attempts at one object that may fail within a second.
FAILURES = 4


def check(run: Run, reference: Run) -> list[str]:
    return [*_total(run, reference), *_loops(run)]


def _total(run: Run, reference: Run) -> list[str]:
    usual = sum(1 for request in reference.trace.writes() if request.committed)
    if WORKLOADS[run.plan.workload].like:  # the reference has one spec, and the run has many
        usual *= _generations(run)
    found = [request for request in run.trace.writes() if request.committed]
    limit = int(TIMES * usual) + MORE + MORE_A_FAULT * sum(run.fired)
    if len(found) <= limit:
        return []
    most = ", ".join(
        f"{count} of {' '.join(part for part in shape if part)}"
        for shape, count in Counter(request.shape for request in found).most_common(4)
    )
    return [f"{len(found)} writes, where {usual} are usual and {limit} the most: {most}"]


def _generations(run: Run) -> int:
    """How many specs there were."""
    return len(
        {
            (uid(change.object), change.object["metadata"]["generation"])
            for change in run.history.changes
            if change.kind == SERVICE
        }
    )


def _loops(run: Run) -> list[str]:
    attempts: dict[tuple[str, str, str, str], list[Request]] = {}
    for request in run.trace.writes():
        if request.told >= 400 or request.told == 0:
            attempts.setdefault((*request.shape, request.name), []).append(request)
    found = []
    for tried in attempts.values():
        for first, last in zip(tried, tried[FAILURES:], strict=False):
            if last.at - first.at < 1.0:
                found.append(f"failed {FAILURES + 1} times within a second: {first}")
                break
    return found
