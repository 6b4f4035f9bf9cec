"""`status.training`: one entry a trained model, from its run, its progress and its version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelservice_operator.desired.runs import Run
from modelservice_operator.observed.jobs import Phase
from modelservice_operator.status.conditions import Condition
from modelservice_operator.status.runs import under_way
from modelservice_operator.status.trouble import first, run_trouble


def entries(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [_entry(run) for run in runs]


def complete(runs: Sequence[Run]) -> Condition | None:
    """TrainingComplete: every run that the spec asks for has published its version."""
    if not runs:
        return None
    troubles = [run_trouble(run) for run in runs]
    failed = first([trouble for trouble in troubles if trouble and not trouble.busy])
    trouble = failed or first(troubles)
    if trouble is not None:
        return Condition("TrainingComplete", False, trouble.reason, trouble.message)
    return Condition(
        "TrainingComplete", True, "Trained", "Every training of the spec has made its version."
    )


def _entry(run: Run) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": run.model.name, "run": run.hash}
    if run.version is not None:
        lineage = run.version["spec"].get("lineage", {})
        metrics = dict(lineage.get("metrics", {}))
        return {
            **entry,
            "phase": "Succeeded",
            "version": int(run.version["spec"]["version"]),
            **({"loss": metrics.pop("loss")} if "loss" in metrics else {}),
            **({"metrics": metrics} if metrics else {}),
        }
    entry |= under_way(run, working="Loading")
    if run.verdict.phase is Phase.RUNNING:
        entry |= _progress(run.progress)
    return entry


def _progress(progress: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {
        key: progress[key] for key in ("epoch", "epochs") if isinstance(progress.get(key), int)
    }
    if progress.get("loss") is not None:
        known["loss"] = str(progress["loss"])
    if isinstance(progress.get("metrics"), dict) and progress["metrics"]:
        known["metrics"] = {str(key): str(value) for key, value in progress["metrics"].items()}
    seconds = progress.get("etaSeconds")
    if isinstance(seconds, int | float) and seconds >= 0:
        known["eta"] = eta(float(seconds))
    return known


def eta(seconds: float) -> str:
    """A duration in the two largest units that fit: `1h5m`, `2m10s`, `45s`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
