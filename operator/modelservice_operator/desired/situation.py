"""Where a service stands: everything that the plan and the status both follow from. Pure.

Read in order: which runs its trainings and conversions ask for, which models a revision would
serve, whether those are pinned to bytes, which revisions live, and the next step from them to the
wanted one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelservice_operator.api import ModelService, duration
from modelservice_operator.canonical import digest
from modelservice_operator.desired import batch, child_names, conversion
from modelservice_operator.desired.child import Owner
from modelservice_operator.desired.lookup import Missing, look_up
from modelservice_operator.desired.model_set import ModelEntry
from modelservice_operator.desired.next_step import (
    SURGE_PATIENCE,
    reload_of,
    settled,
    step_of,
    strategy_of,
)
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.resolution import entries_of, pinned, revision_hash
from modelservice_operator.desired.retention import surplus
from modelservice_operator.desired.runs import Run, conversion_hash, newest, run_hash
from modelservice_operator.desired.sealing import asks
from modelservice_operator.observed.jobs import JobVerdict, Phase, judge
from modelservice_operator.observed.models import models
from modelservice_operator.observed.pods import is_leaving, unready_since
from modelservice_operator.rollout.planner import Step, Strategy
from modelservice_operator.rollout.reload import Reload
from modelservice_operator.rollout.revisions import Revision, revisions
from modelservice_operator.view import Manifest, View


@dataclass(frozen=True, slots=True)
class Check:
    """The check Job that is wanted now: it resolves digests and tensors of `entries`."""

    hash: str
    name: str
    entries: tuple[ModelEntry, ...]
    verdict: JobVerdict
    progress: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Situation:
    owner: Owner
    service: ModelService
    size: int
    runs: tuple[Run, ...]
    waiting: tuple[str, ...]  # models of which no version exists yet
    missing: tuple[Missing, ...]  # why, of those that refer to the registry
    check: Check | None
    live: Mapping[str, Revision]
    target: str | None  # hash of the revision that the spec asks for, once it is known
    entries: tuple[ModelEntry, ...]  # its models, pinned; empty while target is None
    aim: (
        str | None
    )  # hash of the revision that `step` leads to: the target, or what serves till then
    step: Step
    signed: bool  # whether models have to be signed, by the platform or by the service
    turned: bool  # this rollout was turned from Surge to Replace
    surplus: tuple[Manifest, ...]  # ModelVersions that are not kept
    reload: Reload | None  # to the aim, by pods that have served something else
    unreloaded: str  # why pods of the aim's own are made, where a reload did not come about
    wake_at: float | None  # when time alone changes something

    @property
    def current(self) -> Revision | None:
        """The revision that answers: the aim once it is ready, else what is most ready."""
        aim = self.live.get(self.aim or "")
        serving = [item for item in self.live.values() if item.deployment is not None]
        others = [item for item in serving if item.hash != self.aim and item.ready > 0]
        if not others or (aim is not None and aim.ready >= max(1, self.size)):
            return aim if aim is not None and aim.deployment is not None else None
        return max(others, key=lambda item: item.ready)


def assess(service: ModelService, *, view: View, platform: Platform, now: float) -> Situation:
    """Reads a service and its view. `now` is seconds since the epoch."""
    owner = Owner(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        uid=service.metadata.uid,
    )
    spec = service.spec
    size = 0 if spec.suspend else spec.serving.replicas
    live = revisions(view)
    runs = _runs(service, owner=owner, view=view, live=live)
    found = {
        model.name: look_up(model, namespace=owner.namespace, view=view)
        for model in spec.models
        if model.version_ref is not None
    }
    entries, waiting = entries_of(service, runs=runs, found=found, platform=platform)
    check = _check(entries, owner=owner, view=view) if entries else None
    told = models(check.verdict.result).values() if check is not None else ()
    chosen = pinned(entries, service=service, live=live.values(), told=told)
    target = revision_hash(service, entries=chosen) if chosen else None
    strategy, turned = strategy_of(service, target=target, live=live, now=now)
    serving = any(item.stand().proven for item in live.values() if item.hash != target)
    signed = asks((entry.sealing for entry in entries), trust=spec.trust, platform=platform)
    # What a check finds is kept in the revision's record: who signed, above all, which pods tell
    # only where they begin with the model.
    careful = serving and target is not None and (strategy is Strategy.REPLACE or signed)
    passed = check is not None and check.verdict.phase is Phase.SUCCEEDED
    # nothing is taken from what serves before its successor was checked
    held = careful and not passed
    needed = bool(entries) and not spec.suspend and (target is None or careful)
    aim = target if target is not None and not held else settled(live, target=target)
    reload: Reload | None = None
    unreloaded = ""
    if aim is not None:
        reload = reload_of(
            service, owner=owner, aim=aim, target=target, entries=chosen, view=view, live=live,
            size=size, platform=platform, now=now,
        )  # fmt: skip
        if reload is not None and reload.failure:
            unreloaded, reload = reload.failure, None
        elif reload is None:
            unreloaded = live[aim].unreloaded if aim in live else ""
    next_step = step_of(
        aim, live=live, size=size, strategy=strategy, reload=reload, unreloaded=unreloaded
    )
    if held and target in live:
        # its pods that wait for room stay where they are
        sizes = {target: live[target].size, **next_step.sizes}
        next_step = replace(next_step, sizes=sizes)
    return Situation(
        owner=owner,
        service=service,
        size=size,
        runs=runs,
        waiting=waiting,
        missing=tuple(item for item in found.values() if isinstance(item, Missing)),
        check=check if needed else None,
        live=live,
        target=target,
        entries=chosen,
        aim=aim,
        step=next_step,
        signed=signed,
        turned=turned,
        surplus=surplus(runs, owner=owner, view=view),
        reload=reload,
        unreloaded=unreloaded,
        wake_at=_wake_at(
            service,
            runs=runs,
            check=check,
            live=live,
            target=target,
            late_at=reload.late_at if reload is not None else None,
            now=now,
        ),
    )


def _runs(
    service: ModelService, *, owner: Owner, view: View, live: Mapping[str, Revision]
) -> tuple[Run, ...]:
    runs = []
    for model in service.spec.models:
        containers: tuple[str, ...]
        if model.training is not None:
            chosen = run_hash(model.training)
            name = child_names.training_job(service=owner.name, model=model.name, run=chosen)
            program, containers = batch.TRAIN, (batch.TRAIN,)
        elif model.source is not None and model.source.is_converted:
            chosen = conversion_hash(model.source)
            name = child_names.conversion_job(service=owner.name, model=model.name, run=chosen)
            program, containers = conversion.CONVERT, conversion.CONTAINERS
        else:
            continue
        versions = [item for item in view.versions if item["spec"]["model"] == model.name]
        own = [item for item in versions if item["spec"].get("lineage", {}).get("run") == chosen]
        job = view.children.get(("Job", name))
        verdict = judge(job, pods=view.pods, containers=containers)
        latest = newest(versions)
        # also those that somebody deleted while they are served: a number never means two things
        numbers = [int(item["spec"]["version"]) for item in versions]
        numbers += [
            int(item["version"])
            for revision in live.values()
            for item in revision.models
            if item["name"] == model.name
        ]
        runs.append(
            Run(
                model=model,
                hash=chosen,
                job_name=name,
                verdict=verdict,
                image=batch.image(job, container=program) if job is not None else None,
                version=newest(own),
                serving=newest(own) or latest,
                next_number=_free_number(numbers, owner=owner, model=model.name, view=view),
                progress=view.progress.get(verdict.pod_uid or "", {}),
            )
        )
    return tuple(runs)


def _free_number(numbers: Sequence[int], *, owner: Owner, model: str, view: View) -> int:
    """The next number whose name nobody has: another service's model may make the same name."""
    number = max(numbers, default=0) + 1
    while child_names.model_version(service=owner.name, model=model, number=number) in view.taken:
        number += 1
    return number


def _check(entries: Sequence[ModelEntry], *, owner: Owner, view: View) -> Check:
    chosen = digest([entry.request() for entry in entries])
    name = child_names.check_job(service=owner.name, check_hash=chosen)
    verdict = judge(view.children.get(("Job", name)), pods=view.pods, containers=(batch.CHECK,))
    return Check(
        hash=chosen,
        name=name,
        entries=tuple(entries),
        verdict=verdict,
        progress=view.progress.get(verdict.pod_uid or "", {}),
    )


def _wake_at(
    service: ModelService,
    *,
    runs: Sequence[Run],
    check: Check | None,
    live: Mapping[str, Revision],
    target: str | None,
    late_at: float | None,
    now: float,
) -> float | None:
    """The next moment at which time alone changes the plan or the status."""
    moments = [late_at, *(run.verdict.retry_at for run in runs if not run.done)]
    if check is not None:
        moments.append(check.verdict.retry_at)
    revision = live.get(target or "")
    if revision is not None:
        deadline = duration.seconds(service.spec.serving.progress_deadline)
        since = revision.unschedulable_since()
        moments.append(since + SURGE_PATIENCE if since is not None else None)
        moments += [
            began + deadline
            for pod in revision.pods
            if not is_leaving(pod) and (began := unready_since(pod)) is not None
        ]
    # What is due already was acted on in this pass; Job deletions come back as events.
    return min((moment for moment in moments if moment is not None and moment > now), default=None)
