"""What a Job of ours came to, read from the Job and its pods. Pure.

The programs in our Jobs say why they ended in their termination message and by their exit code:
42 waits for a new spec, 43 heals by itself (after a pause the Job is deleted and made again).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

from modelservice_operator.observed.pods import containers as statuses
from modelservice_operator.observed.pods import (
    controlled_by,
    has_ended,
    image_problem,
    termination,
    timestamp,
    unschedulable,
    works,
)
from modelservice_operator.view import Manifest, Observed

RETRY_AFTER = 30.0  # seconds between the end of a failed Job that heals and its successor
EXIT_TERMINAL = 42
EXIT_HEALS = 43


class Phase(StrEnum):
    ABSENT = "Absent"
    PENDING = "Pending"  # no pod runs yet
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class JobVerdict:
    phase: Phase = Phase.ABSENT
    reason: str = ""
    message: str = ""
    # a failure that heals by itself; `retry_at` is when its Job may be made again
    heals: bool = False
    retry_at: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    pod_uid: str | None = None
    # its result was registered before (only then does a Job get its time to live)
    spent: bool = False


def judge(
    job: Observed | None, *, pods: Iterable[Manifest], containers: Sequence[str]
) -> JobVerdict:
    """Reads a Job. `pods` may hold other Jobs' pods: only those that it controls count. Of the
    `containers`, which run one after the other, the last one tells the result."""
    if job is None or job.deleting:
        return JobVerdict()
    own = sorted(
        (pod for pod in pods if controlled_by(pod, uid=job.uid)),
        key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")),
    )
    conditions = {
        item["type"]: item
        for item in job.status.get("conditions", ())
        if item.get("status") == "True"
    }
    late = next((pod for pod in reversed(own) if not has_ended(pod)), None)
    if late is not None and ("Complete" in conditions or "Failed" in conditions):
        # The Job's last event overtook its pod's, which brings the result.
        return JobVerdict(phase=Phase.RUNNING, pod_uid=late["metadata"]["uid"])
    if "Complete" in conditions and "ttlSecondsAfterFinished" in job.owned.get("spec", {}):
        return JobVerdict(phase=Phase.SUCCEEDED, spent=True)
    if "Complete" in conditions:
        return _completed(conditions["Complete"], pods=own, containers=containers)
    if "Failed" in conditions:
        return _failed(conditions["Failed"], pods=own, containers=containers)
    if "Suspended" in conditions:
        return JobVerdict(phase=Phase.SUSPENDED)
    return _live(own)


def _completed(
    condition: Manifest, *, pods: list[Manifest], containers: Sequence[str]
) -> JobVerdict:
    for pod in reversed(pods):
        result = termination(pod, container=containers[-1])
        if result.get("ok"):
            return JobVerdict(phase=Phase.SUCCEEDED, result=result)
    # Its pod went before anybody read the result. What it uploaded is found by the next one.
    return _lost(condition)


def _failed(condition: Manifest, *, pods: list[Manifest], containers: Sequence[str]) -> JobVerdict:
    ended = timestamp(condition.get("lastTransitionTime"))
    for pod, container in product(reversed(pods), containers):
        told = termination(pod, container=container)
        if told.get("reason"):
            heals = bool(told.get("heals"))
            return JobVerdict(
                phase=Phase.FAILED,
                reason=str(told["reason"]),
                message=str(told.get("message", "")),
                heals=heals,
                retry_at=ended + RETRY_AFTER if heals and ended else None,
            )
    if condition.get("reason") == "BackoffLimitExceeded":
        return JobVerdict(
            phase=Phase.FAILED, reason="Crashed", message=_crash(pods, containers=containers)
        )
    if condition.get("reason") == "DeadlineExceeded":
        return JobVerdict(
            phase=Phase.FAILED,
            reason="DeadlineExceeded",
            message="The run took longer than activeDeadline allows. "
            "Raise activeDeadline or make the run smaller.",
        )
    return _lost(condition)


def _lost(condition: Manifest) -> JobVerdict:
    ended = timestamp(condition.get("lastTransitionTime"))
    return JobVerdict(
        phase=Phase.FAILED,
        reason="ResultLost",
        message="The pod was removed before its result was read. The Job is made again.",
        heals=True,
        retry_at=ended + RETRY_AFTER if ended else None,
    )


def _live(pods: list[Manifest]) -> JobVerdict:
    for pod in reversed(pods):
        if works(pod):
            return JobVerdict(phase=Phase.RUNNING, pod_uid=pod["metadata"]["uid"])
    for pod in reversed(pods):
        nowhere = unschedulable(pod)
        if nowhere is not None:
            return JobVerdict(phase=Phase.PENDING, reason="Unschedulable", message=nowhere[1])
        problem = image_problem(pod)
        if problem is not None:
            return JobVerdict(phase=Phase.PENDING, reason="ImagePullFailed", message=problem)
    return JobVerdict(phase=Phase.PENDING)


def _crash(pods: list[Manifest], *, containers: Sequence[str]) -> str:
    for pod in reversed(pods):
        for item in statuses(pod):
            ended = item.get("state", {}).get("terminated") or {}
            if item.get("name") in containers and ended.get("exitCode"):
                if ended.get("reason") == "OOMKilled":
                    return "It was killed because it used more memory than its limit: raise it."
                return f"It ended with exit code {ended.get('exitCode')} each time; see its log."
    return "It failed each time; see the events of the Job."
