"""The operator ends when it is told to, in order, and at most once for no reason."""

from __future__ import annotations

from e2e.faults.run import Run

KILLED = -9


def check(run: Run, reference: Run) -> list[str]:
    unexpected = [item for item in run.exits if not item.expected]
    found = []
    if len(unexpected) > 1:
        told = ", ".join(f"process {item.process} with {item.status}" for item in unexpected)
        found.append(f"{len(unexpected)} unexpected exits: {told}")
    disorderly = [
        f"process {item.process} was told to end and exited with {item.status}"
        for item in run.exits
        if item.expected and item.status not in {0, KILLED}
    ]
    return [*found, *disorderly]
