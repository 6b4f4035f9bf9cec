"""`status.conversions`: one entry a converted model, from its run, its progress and its version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelservice_operator.desired.model_version import DIFFERENCE
from modelservice_operator.desired.runs import Run
from modelservice_operator.observed.jobs import Phase
from modelservice_operator.status.training import TEXT_LIMIT
from modelservice_operator.status.trouble import run_trouble


def entries(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [_entry(run) for run in runs]


def _entry(run: Run) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": run.model.name, "run": run.hash}
    if run.version is not None:
        spec = run.version["spec"]
        difference = spec.get("lineage", {}).get("metrics", {}).get(DIFFERENCE)
        return {
            **entry,
            "phase": "Succeeded",
            "version": int(spec["version"]),
            **({"difference": difference} if difference else {}),
        }
    entry |= {"job": run.job_name, "phase": _phase(run)}
    trouble = run_trouble(run)
    if trouble is not None and not trouble.busy:
        entry |= {"reason": trouble.reason, "message": trouble.message[:TEXT_LIMIT]}
    return entry


def _phase(run: Run) -> str:
    phase = run.verdict.phase
    if phase is Phase.RUNNING:
        # what converts tells nobody how far it is, and takes the longest
        return str(run.progress.get("phase", "Converting"))
    if phase is Phase.SUCCEEDED:
        return "Uploading"  # its version is not registered yet
    return str(phase) if phase in {Phase.FAILED, Phase.SUSPENDED} else "Pending"
