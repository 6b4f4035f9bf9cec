"""`status.conversions`: one entry a converted model, from its run, its progress and its version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelservice_operator.desired.model_version import DIFFERENCE
from modelservice_operator.desired.runs import Run
from modelservice_operator.status.runs import under_way


def entries(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [_entry(run) for run in runs]


def _entry(run: Run) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": run.model.name, "run": run.hash}
    if run.version is None:
        return {**entry, **under_way(run, working="Converting")}
    spec = run.version["spec"]
    difference = spec.get("lineage", {}).get("metrics", {}).get(DIFFERENCE)
    return {
        **entry,
        "phase": "Succeeded",
        "version": int(spec["version"]),
        **({"difference": difference} if difference else {}),
    }
