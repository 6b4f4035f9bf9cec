"""The whole status of a ModelService, from its situation. Pure; written once, at the end.

kstatus: `Reconciling` and `Stalled` are present only while True; `Ready` says that the current spec
is in force, `Available` that requests are answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.desired.situation import Situation
from modelservice_operator.observed.models import models, tensors
from modelservice_operator.observed.pods import termination
from modelservice_operator.rollout.planner import Strategy
from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.status import conversion, training
from modelservice_operator.status.cold_start import cold_start
from modelservice_operator.status.conditions import Condition, dated
from modelservice_operator.status.download import download
from modelservice_operator.status.scaling import scaling
from modelservice_operator.status.trouble import Trouble, first, judge, run_trouble, scheduling
from modelservice_operator.status.trust import signed, trusted
from modelservice_operator.view import View

Status = dict[str, Any]


def derive(
    situation: Situation,
    *,
    view: View,
    writes: Sequence[Trouble],
    previous: Mapping[str, Any],
    now: float,
) -> Status:
    """`writes` is what the writes of this pass met; `previous` the status as it stands."""
    service, owner = situation.service, situation.owner
    generation = service.metadata.generation
    trouble = judge(situation, writes=writes, now=now)
    retraining = first([run_trouble(run) for run in situation.runs])
    trainings = [run for run in situation.runs if run.training is not None]
    conversions = [run for run in situation.runs if run.training is None]
    current = situation.current
    conditions = [
        _available(situation, trouble=trouble),
        _ready(situation, trouble=trouble),
        *_kstatus(trouble, retraining=retraining),
        _loaded(situation, trouble=trouble),
        _gpu(situation),
        training.complete(trainings),
        scaling(situation, view=view),
        trusted(situation, told=_told(current) if current is not None else {}, trouble=trouble),
    ]
    status: Status = {
        "observedGeneration": generation,
        "conditions": dated(
            [item for item in conditions if item is not None],
            previous=previous.get("conditions", ()),
            generation=generation,
            now=now,
        ),
        "url": f"http://{owner.name}.{owner.namespace}.svc:{names.PORT_HTTP}",
        "replicas": _count(current, "replicas"),
        "readyReplicas": sum(item.ready for item in situation.live.values()),
    }
    if current is not None:
        status |= _current(current, situation=situation)
    if trainings:
        status["training"] = training.entries(trainings)
    if conversions:
        status["conversions"] = conversion.entries(conversions)
    under_way = download(situation)
    if under_way is not None:
        status["download"] = under_way
    if situation.step.strategy is not None and situation.target is not None:
        status["rollout"] = _rollout(situation, strategy=situation.step.strategy)
    timed = cold_start(current, previous=previous)
    if timed is not None:
        status["coldStart"] = timed
    return status


def invalid(*, generation: int, message: str, previous: Mapping[str, Any], now: float) -> Status:
    """The spec breaks a rule that the API server did not know: nothing is touched."""
    verdict = [
        Condition("Ready", False, "InvalidSpec", message),
        Condition("Stalled", True, "InvalidSpec", message),
    ]
    judged = {"Ready", "Stalled", "Reconciling"}
    before = previous.get("conditions", ())
    kept = [dict(item) for item in before if item.get("type") not in judged]
    fresh = dated(verdict, previous=before, generation=generation, now=now)
    return {
        **previous,
        "observedGeneration": generation,
        "conditions": sorted([*kept, *fresh], key=lambda item: str(item["type"])),
    }


def _available(situation: Situation, *, trouble: Trouble | None) -> Condition:
    if any(item.ready > 0 for item in situation.live.values()):
        return Condition("Available", True, "Serving", "Requests are answered.")
    if situation.service.spec.suspend:
        return Condition("Available", False, "Suspended", "The service is suspended by its spec.")
    if situation.size == 0 and not situation.waiting:
        return Condition("Available", False, "ScaledToZero", "serving.replicas is 0.")
    if trouble is None:
        return Condition("Available", False, "Loading", "No pod is ready.")
    return Condition("Available", False, trouble.reason, trouble.message)


def _ready(situation: Situation, *, trouble: Trouble | None) -> Condition:
    if trouble is not None:
        return Condition("Ready", False, trouble.reason, trouble.message)
    if situation.service.spec.suspend:
        return Condition("Ready", True, "Suspended", "The service is suspended, as its spec says.")
    return Condition("Ready", True, "Serving", "The current spec is served.")


def _kstatus(trouble: Trouble | None, *, retraining: Trouble | None) -> list[Condition]:
    if trouble is not None and not trouble.heals:
        return [Condition("Stalled", True, trouble.reason, trouble.message)]
    # A failed retraining leaves an older version in service: that is TrainingComplete's business.
    working = trouble or (retraining if retraining and retraining.busy else None)
    if working is not None:
        return [Condition("Reconciling", True, working.reason, working.message)]
    return []


def _loaded(situation: Situation, *, trouble: Trouble | None) -> Condition:
    target = situation.live.get(situation.target or "")
    if target is not None and target.ready > 0 and target.ready >= situation.size:
        return Condition("ModelsLoaded", True, "Loaded", "Every pod has loaded every model.")
    if trouble is not None:
        return Condition("ModelsLoaded", False, trouble.reason, trouble.message)
    return Condition("ModelsLoaded", False, "NoPods", "No pod is wanted, so no model is loaded.")


def _gpu(situation: Situation) -> Condition | None:
    """Whether every pod that asks for a GPU has one."""
    trainings = [run for run in situation.runs if run.gpu is not None and not run.done]
    if situation.service.spec.gpu is None and not trainings:
        return None
    nowhere = [run_trouble(run) for run in trainings]
    serving = scheduling(situation) if situation.service.spec.gpu is not None else None
    for trouble in (serving, *nowhere):
        if trouble is not None and trouble.reason == "Unschedulable":
            return Condition("GPUScheduled", False, trouble.reason, trouble.message)
    target = situation.live.get(situation.target or "")
    placed = target is not None and target.size > 0 and len(target.pods) >= target.size
    if situation.service.spec.gpu is not None and not placed:
        return Condition("GPUScheduled", False, "Waiting", "No pod has asked for its GPU yet.")
    return Condition("GPUScheduled", True, "Scheduled", "Every pod has the GPUs that it asks for.")


def _current(revision: Revision, *, situation: Situation) -> Status:
    owner = situation.owner
    selector = {
        names.LABEL_NAME: owner.name,
        names.LABEL_COMPONENT: names.COMPONENT_SERVING,
        names.LABEL_REVISION: revision.carrier,
    }
    models = [_model(record, revision=revision) for record in revision.models]
    status: Status = {
        "revision": f"{owner.name}-{revision.hash}",
        "selector": ",".join(f"{key}={value}" for key, value in selector.items()),
        "models": models,
    }
    if models:
        status["version"] = str(models[0]["version"])
    return status


def _model(record: Mapping[str, Any], *, revision: Revision) -> Status:
    told = _told(revision).get(record["name"], {})
    entry = {
        "name": record["name"],
        "version": record["version"],
        **({"digest": record["digest"]} if "digest" in record else {}),
        "loadedReplicas": revision.ready,
        **signed(record, told=told),
    }
    if "versionRef" in record:
        entry["versionRef"] = dict(record["versionRef"])
    found = record.get("format") or told.get("format")
    if found:
        entry["format"] = found
    for side in ("inputs", "outputs"):
        known = tensors(record.get(side)) or told.get(side)
        if known:
            entry[side] = known
    return entry


def _told(revision: Revision) -> Mapping[str, Mapping[str, Any]]:
    """What fetch read from the models, where neither a check nor a version had told it before."""
    if revision.carrier != revision.hash:
        return {}  # it read others, before the reload
    for pod in revision.pods:
        result = termination(pod, container="fetch")
        if result.get("ok"):
            return models(result)
    return {}


def _rollout(situation: Situation, *, strategy: Strategy) -> Status:
    count = situation.service.spec.gpu.count if situation.service.spec.gpu else 0
    return {
        "revision": f"{situation.owner.name}-{situation.target}",
        "strategy": strategy.value,
        "reason": situation.step.reason,
        "gpuDelta": count if strategy is Strategy.SURGE else 0,
    }


def _count(revision: Revision | None, field: str) -> int:
    if revision is None or revision.deployment is None:
        return 0
    return int(revision.deployment.status.get(field, 0))
