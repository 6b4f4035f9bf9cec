"""`status.download`: how far the check's download is, from what its pod told of itself. Pure."""

from __future__ import annotations

from typing import Any

from modelservice_operator.desired.situation import Situation
from modelservice_operator.observed.jobs import Phase
from modelservice_operator.status.training import eta


def download(situation: Situation) -> dict[str, Any] | None:
    """The download under way; None where there is none, or it has not told of any bytes."""
    check = situation.check
    if check is None or check.verdict.phase is not Phase.RUNNING:
        return None
    told = check.progress
    done, total = told.get("bytes"), told.get("totalBytes")
    if not isinstance(done, int) or not isinstance(total, int) or done >= total:
        return None
    known: dict[str, Any] = {"bytes": done, "totalBytes": total}
    if isinstance(told.get("bytesPerSecond"), int):
        known["bytesPerSecond"] = told["bytesPerSecond"]
    if isinstance(told.get("etaSeconds"), int | float):
        known["eta"] = eta(float(told["etaSeconds"]))
    return known
