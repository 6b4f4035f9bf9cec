"""`status.coldStart`: what the last new pod spent its time on, from creation to its first answer.

Each phase is timed by who sees it. Kubernetes' times are whole seconds; what `fetch` measures of
its own work is finer. So phases need not add up to the total to the last second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelservice_operator.observed.pods import (
    condition,
    containers,
    is_leaving,
    is_ready,
    termination,
    timestamp,
)
from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.view import Manifest

# What fetch times of its own work, in the order in which it happens.
STEPS: Final = ("fetch", "verify", "configure")
PHASES: Final = ("scheduled", "imagePull", *STEPS, "load")
_LONGEST: Final = 7 * 86_400.0  # a phase that took longer was no cold start


def cold_start(
    revision: Revision | None, *, previous: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Of the youngest pod that answers, if it was made after the one of `previous` answered.

    So a pod is timed once: one that was unready for a while says a later time, which is no start.
    Nothing is told before the Deployment counts the pod too, so that it costs no write of its own.
    """
    told = previous.get("coldStart")
    pods = _answering(revision) if revision is not None else []
    if revision is None or not pods or len(pods) != revision.ready:
        return told
    pod = max(pods, key=_age)
    before = timestamp(told.get("at")) if told is not None else None
    if before is not None and (timestamp(pod["metadata"]["creationTimestamp"]) or 0.0) <= before:
        return told
    return _timed(pod) or told


def lengths(told: Mapping[str, Any]) -> dict[str, float]:
    """The phases of a `status.coldStart`, and `total`, in seconds."""
    return {
        name: float(str(told[name]).removesuffix("s"))
        for name in (*PHASES, "total")
        if name in told
    }


def _answering(revision: Revision) -> list[Manifest]:
    return [pod for pod in revision.pods if is_ready(pod) and not is_leaving(pod)]


def _timed(pod: Manifest) -> dict[str, Any] | None:
    """None for a pod whose containers were started again, or whose times are not known."""
    if any(item.get("restartCount") for item in containers(pod)):
        return None
    created = timestamp(pod["metadata"].get("creationTimestamp"))
    at = condition(pod, "Ready").get("lastTransitionTime")
    ready = timestamp(at)
    if created is None or ready is None or not 0 <= ready - created < _LONGEST:
        return None
    phases = _phases(pod, created=created, ready=ready)
    if not phases:
        return None
    slowest = max(phases, key=lambda name: phases[name])
    return {
        "pod": pod["metadata"]["name"],
        "at": at,
        "total": _text(ready - created),
        **{name: _text(length) for name, length in phases.items()},
        "slowest": slowest,
    }


def _phases(pod: Manifest, *, created: float, ready: float) -> dict[str, float]:
    """In seconds; a phase whose ends are not both known is left out."""
    placed = timestamp(condition(pod, "PodScheduled").get("lastTransitionTime"))
    fetching, fetched = _ran(pod, container="fetch")
    triton, _ = _ran(pod, container="triton")
    phases: dict[str, float] = {}
    if placed is not None:
        phases["scheduled"] = placed - created
        if fetching is not None and fetched is not None and triton is not None:
            phases["imagePull"] = (fetching - placed) + (triton - fetched)
    steps = _steps(pod)
    if not steps and fetching is not None and fetched is not None:
        steps = {"fetch": fetched - fetching}
    phases |= steps
    if triton is not None:
        phases["load"] = ready - triton
    return {name: max(0.0, phases[name]) for name in PHASES if name in phases}


def _steps(pod: Manifest) -> dict[str, float]:
    timings = termination(pod, container="fetch").get("timings")
    if not isinstance(timings, Mapping):
        return {}
    return {name: float(timings[name]) for name in STEPS if _is_time(timings.get(name))}


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST


def _ran(pod: Manifest, *, container: str) -> tuple[float | None, float | None]:
    """When a container started and ended."""
    for item in containers(pod):
        if item.get("name") == container:
            state = item.get("state", {})
            ran = state.get("terminated") or state.get("running") or {}
            return timestamp(ran.get("startedAt")), timestamp(ran.get("finishedAt"))
    return None, None


def _text(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0") + "s"


def _age(pod: Manifest) -> tuple[str, str]:
    return str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"]["name"])
