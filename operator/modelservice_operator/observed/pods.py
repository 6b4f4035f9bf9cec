"""What pods say of themselves: conditions, termination messages, why they wait. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from modelservice_operator.view import Manifest

IMAGE_PROBLEMS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)


def timestamp(text: str | None) -> float | None:
    """Seconds since the epoch of an RFC 3339 time as the API server writes it."""
    if not text:
        return None
    return datetime.fromisoformat(text).timestamp()


def rfc3339(moment: float) -> str:
    """A time as the API server writes it, from seconds since the epoch."""
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def containers(pod: Manifest) -> list[Manifest]:
    """The statuses of all containers, init containers first."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def termination(pod: Manifest, *, container: str) -> Mapping[str, Any]:
    """The JSON termination message of a container's last end; empty where there is none."""
    for item in containers(pod):
        if item.get("name") != container:
            continue
        for state in (item.get("state", {}), item.get("lastState", {})):
            ended = state.get("terminated")
            if ended and ended.get("message"):
                return _parsed(ended["message"])
    return {}


def condition(pod: Manifest, kind: str) -> Manifest:
    """One condition of a pod; empty where it has none."""
    for item in pod.get("status", {}).get("conditions", ()):
        if item.get("type") == kind:
            return dict(item)
    return {}


def is_ready(pod: Manifest) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def has_ended(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def works(pod: Manifest) -> bool:
    """Whether a program of it runs. While its init containers do, a pod's phase is Pending."""
    status = pod.get("status") or {}
    first = status.get("initContainerStatuses") or ()
    return status.get("phase") == "Running" or any(
        "running" in (item.get("state") or {}) for item in first
    )


def may_answer(pod: Manifest, *, now: float) -> bool:
    """Whether requests may still reach a pod: it is ready, or it drains.

    Endpoints follow a pod's readiness by a second or two. A pod that should have been gone by now
    is on a node that nobody hears of, and reaches nobody either.
    """
    leaves = timestamp(pod["metadata"].get("deletionTimestamp"))
    return is_ready(pod) if leaves is None else now < leaves


def unready_since(pod: Manifest) -> float | None:
    """Since when a pod has not been ready, in seconds since the epoch; None for a ready one."""
    ready = condition(pod, "Ready")
    if ready.get("status") == "True":
        return None
    since = ready.get("lastTransitionTime") or pod["metadata"].get("creationTimestamp")
    return timestamp(since)


def is_leaving(pod: Manifest) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def unschedulable(pod: Manifest) -> tuple[float | None, str] | None:
    """Since when no node fits, and the scheduler's own words; None where one was found."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        since = timestamp(scheduled.get("lastTransitionTime"))
        return since, str(scheduled.get("message", ""))
    return None


def image_problem(pod: Manifest) -> str | None:
    """What to do where an image cannot be had.

    The runtime's own words are left to the pod's events: they change with every attempt.
    """
    for item in containers(pod):
        waiting = item.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in IMAGE_PROBLEMS:
            return (
                f"The image of container {item.get('name')} cannot be pulled. Check its name, the "
                f"registry and the pull secrets: kubectl describe pod {pod['metadata']['name']}"
            )
    return None


def controlled_by(pod: Manifest, *, uid: str) -> bool:
    return any(
        ref.get("controller") and ref.get("uid") == uid
        for ref in pod["metadata"].get("ownerReferences", ())
    )


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
