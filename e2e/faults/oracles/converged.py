"""The cluster comes to the end state of the run without a fault, with no help from outside."""

from __future__ import annotations

from e2e.faults.oracles.state import difference, normalised
from e2e.faults.run import Run

SHOWN = 12


def check(run: Run, reference: Run) -> list[str]:
    if run.converged_at is None:
        return [f"it did not come to its end: {run.stuck or 'nobody knows what was missing'}"]
    found = normalised(run.end, namespace=run.namespace)
    wanted = normalised(reference.end, namespace=reference.namespace)
    unlike = difference(found, wanted)
    rest = len(unlike) - SHOWN
    return [*unlike[:SHOWN], f"and {rest} more"] if rest > 0 else unlike
