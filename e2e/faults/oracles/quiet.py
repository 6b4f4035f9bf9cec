"""Where nothing happens, nothing is written; nor is anything asked for again and again."""

from __future__ import annotations

from e2e.faults.run import Run

# Reads of single objects that a stretch of quiet may hold: what nobody can watch is looked at
# again every ten seconds.
READS = 3


def check(run: Run, reference: Run) -> list[str]:
    if run.quiet is None:
        return []
    began, ended = run.quiet
    within = [
        request
        for request in run.trace.requests
        if began <= request.at <= ended and request.kind != "Lease"
    ]
    writes = [f"written while nothing happened: {item}" for item in within if item.writes]
    # of objects: what is asked before a watch begins anew (discovery, lists) is none
    reads = [request for request in within if request.verb == "get" and request.kind]
    busy = len(reads) > READS
    return [*writes, *([f"{len(reads)} reads while nothing happened"] if busy else [])]
