"""Why a service is not as it should be: an ordered list of judgements, the first that fits wins.

Each judgement is a pure function from a situation to a `Trouble` or None. A trouble says whether it
heals by itself (the cause goes away, we try again) or waits for a new spec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelservice_operator.api import Gpu, duration
from modelservice_operator.desired.runs import Run
from modelservice_operator.desired.situation import Situation
from modelservice_operator.observed.jobs import JobVerdict, Phase
from modelservice_operator.observed.pods import (
    containers,
    image_problem,
    is_leaving,
    is_ready,
    may_answer,
    termination,
    unready_since,
    unschedulable,
)
from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.status.scheduling import claim_without_volume, missing_claim, no_node
from modelservice_operator.view import Manifest


@dataclass(frozen=True, slots=True)
class Trouble:
    """`busy` is no trouble at all but work under way: it has a reason and a sentence too."""

    reason: str
    message: str
    heals: bool = True
    busy: bool = False


def first(judgements: Sequence[Trouble | None]) -> Trouble | None:
    return next((trouble for trouble in judgements if trouble is not None), None)


def judge(situation: Situation, *, writes: Sequence[Trouble], now: float) -> Trouble | None:
    """What keeps the current spec from being in force, worst and earliest cause first."""
    return first(
        [
            *writes,
            waiting_for_models(situation),
            converting(situation),
            check_trouble(situation),
            *(judgement(situation) for judgement in _TARGET),
            overdue(situation, now=now),
            progress(situation, now=now),
        ]
    )


def waiting_for_models(situation: Situation) -> Trouble | None:
    """A model that does not exist yet: its training or conversion is under way, or failed; or the
    registry has no version that it may have."""
    if not situation.waiting:
        return None
    troubles = [run_trouble(run) for run in situation.runs if run.model.name in situation.waiting]
    failed = [trouble for trouble in troubles if trouble and not trouble.busy]
    failed += [Trouble(item.reason, item.message) for item in situation.missing]
    return first(failed) or first(troubles)


def converting(situation: Situation) -> Trouble | None:
    """A file that is not converted yet, while what was made of an older one serves."""
    return first([run_trouble(run) for run in situation.runs if run.training is None])


def run_trouble(run: Run) -> Trouble | None:
    """Where a run that is not done stands."""
    if run.done:
        return None
    verdict, model = run.verdict, run.model.name
    waiting = run.progress if run.progress.get("reason") else {}
    if verdict.phase is Phase.FAILED:
        return _job_failed(verdict, what=f"The {run.noun} of {model}")
    if verdict.phase is Phase.SUSPENDED:
        return Trouble("Suspended", f"The {run.noun} of {model} is suspended.", busy=True)
    if waiting:
        text = f"The {run.noun} of {model} waits: {waiting.get('message', '')}"
        return Trouble(str(waiting["reason"]), text)
    if verdict.reason == "Unschedulable":
        return nowhere(verdict.message, gpu=run.gpu)
    if verdict.reason:
        return Trouble(verdict.reason, verdict.message)
    if verdict.phase is Phase.SUCCEEDED:
        return Trouble("Registering", f"The new version of {model} is being registered.", busy=True)
    if run.training is None:
        return Trouble("Converting", f"{model} is being converted to ONNX.", busy=True)
    return Trouble("Training", f"{model} is being trained.", busy=True)


def check_trouble(situation: Situation) -> Trouble | None:
    """The look at the models before anything is replaced."""
    check = situation.check
    if check is None or check.verdict.phase is Phase.SUCCEEDED:
        return None
    verdict = check.verdict
    if verdict.phase is Phase.FAILED:
        return _job_failed(verdict, what="The check of the models")
    if verdict.reason == "Unschedulable":
        return nowhere(verdict.message, gpu=None)
    if check.progress.get("reason"):
        text = f"The check of the models waits: {check.progress.get('message', '')}"
        return Trouble(str(check.progress["reason"]), text)
    if verdict.reason:
        return Trouble(verdict.reason, verdict.message)
    return Trouble("Checking", "The models are looked at before anything is replaced.", busy=True)


def fetching(situation: Situation) -> Trouble | None:
    """A pod whose fetch said why it cannot bring the models."""
    for pod in _target_pods(situation):
        if is_ready(pod):
            continue
        told = termination(pod, container="fetch")
        if told.get("reason"):
            return Trouble(
                reason=str(told["reason"]),
                message=str(told.get("message", "")),
                heals=bool(told.get("heals")),
            )
    return None


def scheduling(situation: Situation) -> Trouble | None:
    for pod in _target_pods(situation):
        found = unschedulable(pod)
        if found is not None:
            return nowhere(found[1], gpu=situation.service.spec.gpu)
    return None


def nowhere(message: str, *, gpu: Gpu | None) -> Trouble:
    """No node fits, in the scheduler's words."""
    claim = missing_claim(message)
    if claim is not None:
        return Trouble(
            "ClaimMissing",
            f"The PersistentVolumeClaim {claim} does not exist in this namespace. Create it, or "
            "correct source.uri.",
        )
    if claim_without_volume(message):
        return Trouble(
            "ClaimUnbound",
            "A PersistentVolumeClaim of source.uri has no volume yet (kubectl get pvc). See that "
            "its StorageClass makes one, or that there is a volume that fits it.",
        )
    return Trouble("Unschedulable", no_node(message, gpu=gpu))


def images(situation: Situation) -> Trouble | None:
    for pod in _target_pods(situation):
        problem = image_problem(pod)
        if problem is not None:
            return Trouble("ImagePullFailed", problem)
    return None


def crashes(situation: Situation) -> Trouble | None:
    """A container that ends again and again without a word of its own."""
    for pod in _target_pods(situation):
        for item in containers(pod):
            waiting = item.get("state", {}).get("waiting") or {}
            ended = item.get("lastState", {}).get("terminated") or {}
            if waiting.get("reason") != "CrashLoopBackOff":
                continue
            name = item.get("name")
            if ended.get("reason") == "OOMKilled":
                return Trouble(
                    "OutOfMemory",
                    f"Container {name} used more memory than its limit and was killed. "
                    "Raise serving.resources.limits.memory.",
                )
            return Trouble(
                "Crashing",
                f"Container {name} ends again and again with exit code {ended.get('exitCode')}. "
                f"See: kubectl logs -n {situation.owner.namespace} -c {name} --previous "
                f"-l modelservice.io/name={situation.owner.name}",
            )
    return None


def refused_pods(situation: Situation) -> Trouble | None:
    """Pods that the API server refuses: quota, Pod Security, limits."""
    target = _target(situation)
    if target is None or target.deployment is None:
        return None
    for item in target.deployment.status.get("conditions", ()):
        if item.get("type") == "ReplicaFailure" and item.get("status") == "True":
            return Trouble("PodsRefused", f"Pods cannot be made: {item.get('message', '')}")
    return None


def overdue(situation: Situation, *, now: float) -> Trouble | None:
    """A pod that has been getting ready for longer than the progress deadline."""
    text = situation.service.spec.serving.progress_deadline
    for pod in _target_pods(situation):
        since = unready_since(pod)
        if since is not None and now - since > duration.seconds(text):
            return Trouble(
                "ProgressDeadlineExceeded",
                f"A pod has not become ready within {text}. See its logs; a longer "
                "serving.progressDeadline gives it more time.",
                heals=False,
            )
    return None


def progress(situation: Situation, *, now: float) -> Trouble | None:
    """Nothing is wrong, but the wanted pods are not all there yet."""
    target = _target(situation)
    if target is None or target.deployment is None:
        return Trouble("Starting", "The serving pods are being made.", busy=True)
    others = [item for item in situation.live.values() if item.hash != target.hash]
    # an old pod answers until it has drained, also after its Deployment has gone
    answering = any(may_answer(pod, now=now) for item in others for pod in item.pods)
    if answering or any(item.deployment is not None for item in others):
        return Trouble("RollingOut", "A new revision takes over from the old one.", busy=True)
    if target.ready < situation.size:
        return Trouble("Loading", "Pods are starting and loading the models.", busy=True)
    return None


_TARGET: tuple[Callable[[Situation], Trouble | None], ...] = (
    fetching,
    scheduling,
    images,
    crashes,
    refused_pods,
)


def _target(situation: Situation) -> Revision | None:
    return situation.live.get(situation.target or "")


def _target_pods(situation: Situation) -> list[Manifest]:
    target = _target(situation)
    return [pod for pod in target.pods if not is_leaving(pod)] if target is not None else []


def _job_failed(verdict: JobVerdict, *, what: str) -> Trouble:
    end = "It is tried again by itself." if verdict.heals else "It waits for a changed spec."
    return Trouble(
        verdict.reason, f"{what} failed: {_sentence(verdict.message)} {end}", heals=verdict.heals
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
