"""No more serving pods are made than without a fault: nobody's pod is restarted for nothing."""

from __future__ import annotations

from collections import Counter

from e2e.faults.oracles.objects import COMPONENT, NAME, labels, of, uid
from e2e.faults.run import Run
from e2e.faults.workloads import WORKLOADS


def check(run: Run, reference: Run) -> list[str]:
    workload = WORKLOADS[run.plan.workload]
    if workload.like or any(step.harms for step in workload.steps):
        return []  # the reference has other steps, or the user takes pods away himself
    made, usual = _made(run), _made(reference)
    return [
        f"{count} serving pods of {name} were made, where {usual[name]} are usual"
        for name, count in sorted(made.items())
        if count > usual[name]
    ]


def _made(run: Run) -> Counter[str]:
    seen: set[str] = set()
    made: Counter[str] = Counter()
    for change in of(run, "Pod"):
        item = change.object
        if labels(item).get(COMPONENT) == "serving" and uid(item) not in seen:
            seen.add(uid(item))
            made[labels(item).get(NAME, "")] += 1
    return made
