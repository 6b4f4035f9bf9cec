"""Where a run stands that has made no version yet, as a part of its entry in the status."""

from __future__ import annotations

from typing import Any

from modelservice_operator.desired.runs import Run
from modelservice_operator.observed.jobs import Phase
from modelservice_operator.status.trouble import run_trouble

TEXT_LIMIT = 1024


def under_way(run: Run, *, working: str) -> dict[str, Any]:
    """Its Job, phase and trouble; `working` is the phase while its pod runs and tells of none."""
    entry: dict[str, Any] = {"job": run.job_name, "phase": _phase(run, working=working)}
    trouble = run_trouble(run)
    if trouble is not None and not trouble.busy:
        entry |= {"reason": trouble.reason, "message": trouble.message[:TEXT_LIMIT]}
    return entry


def _phase(run: Run, *, working: str) -> str:
    phase = run.verdict.phase
    if phase is Phase.RUNNING:
        return str(run.progress.get("phase", working))
    if phase is Phase.SUCCEEDED:
        return "Uploading"  # its version is not registered yet
    return str(phase) if phase in {Phase.FAILED, Phase.SUSPENDED} else "Pending"
