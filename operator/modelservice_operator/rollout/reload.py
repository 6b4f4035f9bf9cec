"""Live reload: pods that serve take over the models of another revision. Pure.

Nothing is taken from what serves, and no pod starts: the cheapest change there is, and on a full
cluster the only one without a gap. It is possible where a new pod would differ in its models alone,
and where the programs in the pods have said that they know how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelservice_operator.observed.pods import is_leaving, is_ready, termination, timestamp
from modelservice_operator.rollout.revisions import (
    SINCE_ANNOTATION,
    Revision,
    notes,
    renamed,
    serves,
)
from modelservice_operator.view import Manifest, Observed

# Seconds until a pod has to have noticed: the kubelet brings a changed ConfigMap within a minute
# and a half, and then the agent says at once that it is at work.
PATIENCE: Final = 180.0


@dataclass(frozen=True, slots=True)
class Reload:
    """A reload that is under way, is done, or may begin: the pods of `carrier` take it over.

    `failure` says why it does not come about; `asked` are the uids of the pods that have not taken
    it over yet; at `late_at` they are late.
    """

    carrier: str
    since: float
    complete: bool = False
    failure: str = ""
    asked: tuple[str, ...] = ()
    late_at: float | None = None


def possible(
    live: Mapping[str, Revision],
    *,
    target: str,
    size: int,
    template: Callable[[], Manifest],
    now: float,
) -> Reload | None:
    """The reload that may begin now. `template` is what a new pod of the target would be."""
    deployments = {item.carrier for item in live.values() if item.deployment is not None}
    if len(deployments) != 1 or size == 0:
        return None
    (carrier,) = deployments
    carried = [item for item in live.values() if item.carrier == carrier]
    pods = [pod for item in carried for pod in item.pods if not is_leaving(pod)]
    ready = sum(item.ready for item in carried)
    if ready < size or not all(is_ready(pod) and _able(pod) for pod in pods):
        return None
    held = [item for item in carried if item.deployment is not None and item.data]
    if not held or not _same(template(), held[0], target=target):
        return None
    return Reload(carrier=carrier, since=now)


def under_way(
    live: Mapping[str, Revision],
    *,
    target: str,
    progress: Mapping[str, Manifest],
    deadline: float,
    now: float,
) -> Reload | None:
    """The reload to `target` that has begun, or is done. `deadline`: seconds that it may take."""
    wanted = live.get(target)
    if wanted is None or wanted.deployment is None:
        return None
    told, loaded = serves(wanted.deployment)
    if told != target or (wanted.carrier == target and loaded == target):
        return None
    since = _since(wanted.deployment, now=now)
    rest = _rest(live, wanted=wanted) if loaded != target else []
    said = {pod["metadata"]["uid"]: progress.get(pod["metadata"]["uid"], {}) for pod in rest}
    return Reload(
        carrier=wanted.carrier,
        since=since,
        complete=not rest,
        failure=_failure(said, target=target, age=now - since, deadline=deadline) if rest else "",
        asked=tuple(sorted(said)),
        late_at=_later(since, now=now, after=(PATIENCE, deadline)) if rest else None,
    )


def _rest(live: Mapping[str, Revision], *, wanted: Revision) -> list[Manifest]:
    """The pods of the Deployment that have not got the wanted models."""
    return [
        pod
        for item in live.values()
        if item.hash != wanted.hash and item.carrier == wanted.carrier
        for pod in item.pods
        if not is_leaving(pod)
    ]


def _since(deployment: Observed, *, now: float) -> float:
    return timestamp(notes(deployment).get(SINCE_ANNOTATION)) or now


def _able(pod: Manifest) -> bool:
    """Whether the programs in a pod tell of revisions, which those that cannot reload do not."""
    return "revision" in termination(pod, container="fetch")


def _same(template: Manifest, held: Revision, *, target: str) -> bool:
    """Whether two pod templates differ in the revision's name alone."""
    return renamed(template, revision=target, to=held.hash) == held.data.get("template")


def _failure(
    said: Mapping[str, Mapping[str, Any]], *, target: str, age: float, deadline: float
) -> str:
    changes = [told.get("change", {}) for told in said.values() if told]
    for change in changes:
        if change.get("revision") == target and change.get("phase") == "Failed":
            return f"{change.get('reason', '')}: {change.get('message', '')}"
    if age >= deadline:
        return "Late: not every pod has loaded the models within serving.progressDeadline."
    if age >= PATIENCE and any(change.get("revision") != target for change in changes):
        return "Silent: a pod does not take over what it is told."
    return ""


def _later(since: float, *, now: float, after: tuple[float, ...]) -> float | None:
    return min((since + wait for wait in after if since + wait > now), default=None)
