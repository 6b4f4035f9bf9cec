"""What is in Secrets is nowhere else, and the operator does not even ask for it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from e2e.faults.run import Run
from e2e.faults.workloads.parts.manifests import CANARY, NEW_CANARY

# Characters of a value that may well be the same as some other word.
SHORT = 8
WORDS = (CANARY, NEW_CANARY)


def check(run: Run, reference: Run) -> list[str]:
    words = {*WORDS, *_encoded(run)}
    asked = [item for item in run.trace.requests if item.kind == "Secret"]
    found = [f"it asked for Secrets: {item}" for item in asked]
    found += [
        f"what a Secret holds is in {place}"
        for place, text in _texts(run)
        if any(word in text for word in words)
    ]
    return sorted(set(found))


def _encoded(run: Run) -> set[str]:
    """Secrets' values as the API server writes them."""
    return {
        value
        for change in run.history.changes
        if change.kind == "Secret"
        for value in (change.object.get("data") or {}).values()
        if len(value) > SHORT
    }


def _texts(run: Run) -> Iterator[tuple[str, str]]:
    for request in run.trace.requests:
        yield f"a request: {request}", json.dumps([request.body, dict(request.query)])
    for change in run.history.changes:
        if change.kind != "Secret":
            yield f"{change.kind} {change.name}", json.dumps(change.object)
    for process, log in run.logs.items():
        yield f"the log of process {process}", log.read_text(errors="replace")
