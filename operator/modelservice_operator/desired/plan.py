"""All children that a service wants, in a fixed order: the same situation gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelservice_operator.desired import batch, serving_pod, workload
from modelservice_operator.desired.autoscaler import autoscaler
from modelservice_operator.desired.carried import carried
from modelservice_operator.desired.child import Child
from modelservice_operator.desired.conversion import conversion
from modelservice_operator.desired.model_set import ModelEntry, claims, document, secrets
from modelservice_operator.desired.model_version import model_version
from modelservice_operator.desired.network import disruption_budget, network_policy, service
from modelservice_operator.desired.numbering import numbered
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.runs import Run
from modelservice_operator.desired.sealing import with_policy
from modelservice_operator.desired.sequence import sequenced
from modelservice_operator.desired.situation import Situation
from modelservice_operator.observed.jobs import JobVerdict, Phase
from modelservice_operator.rollout.revisions import renamed


def plan(situation: Situation, *, platform: Platform, now: float) -> tuple[Child, ...]:
    """The wanted children. What is live and not here is pruned."""
    children = [
        service(situation.owner),
        disruption_budget(situation.owner),
        network_policy(situation.owner, platform=platform),
        *_revisions(situation, platform=platform, now=now),
        *_check(situation, platform=platform, now=now),
    ]
    for run in situation.runs:
        children += _run(run, situation=situation, platform=platform, now=now)
    scaler = autoscaler(situation.service.spec.autoscaling, owner=situation.owner)
    if scaler is not None and not situation.service.spec.suspend:
        children.append(scaler)
    return tuple(children)


def _revisions(situation: Situation, *, platform: Platform, now: float) -> Iterator[Child]:
    owner = situation.owner
    for name, size in sorted(situation.step.sizes.items()):
        revision = situation.live.get(name)
        number = revision.number if revision is not None else 0
        data = dict(revision.data) if revision is not None else {}
        if not data:
            data = _new_data(situation, revision=name, platform=platform)
        if not number:
            number = 1 + max((item.number for item in situation.live.values()), default=0)
        yield workload.record(owner=owner, revision=name, number=number, data=data)
        body = carried(situation, revision=name, now=now)
        document = sequenced(
            with_policy(data["document"], platform=platform), sequence=body.sequence
        )
        yield workload.config_map(
            owner=owner, revision=body.carrier, document=document, push_keys=platform.push_keys
        )
        yield workload.deployment(
            owner=owner,
            revision=body.carrier,
            template=renamed(data["template"], revision=name, to=body.carrier),
            replicas=size,
            notes={
                **body.notes,
                **workload.rollout_notes(
                    turned=situation.turned and name == situation.target,
                    unreloaded=situation.unreloaded if name == situation.aim else "",
                ),
            },
        )
        beside = situation.live.get(body.beside)
        if beside is not None and beside.data and beside.hash not in situation.step.sizes:
            yield workload.record(
                owner=owner, revision=beside.hash, number=beside.number, data=beside.data
            )


def _new_data(situation: Situation, *, revision: str, platform: Platform) -> dict[str, Any]:
    owner, spec = situation.owner, situation.service.spec
    entries = numbered(situation.entries, live=situation.live.values())
    return workload.revision_data(
        template=serving_pod.template(
            spec, owner=owner, revision=revision, entries=entries, platform=platform
        ),
        document=_document(situation, entries=entries, revision=revision, platform=platform),
        entries=entries,
    )


def _check(situation: Situation, *, platform: Platform, now: float) -> Iterator[Child]:
    check = situation.check
    if check is None or retries_now(check.verdict, now=now):
        return
    owner, spec = situation.owner, situation.service.spec
    yield from batch.check(
        owner=owner,
        check_hash=check.hash,
        document=_document(situation, entries=check.entries, revision=None, platform=platform),
        secrets=secrets(check.entries),
        claims=claims(check.entries),
        storage=serving_pod.storage_size(spec, platform=platform),
        platform=platform,
    )


def _document(
    situation: Situation,
    *,
    entries: Sequence[ModelEntry],
    revision: str | None,
    platform: Platform,
) -> dict[str, Any]:
    gpu = situation.service.spec.gpu
    return document(
        entries,
        namespace=situation.owner.namespace,
        service=situation.owner.name,
        revision=revision,
        gpus=gpu.count if gpu is not None else 0,
        platform=platform,
    )


def _run(run: Run, *, situation: Situation, platform: Platform, now: float) -> list[Child]:
    """The Job of a run while it is wanted, and the version that it publishes."""
    if run.done and run.verdict.phase is Phase.ABSENT:
        return []
    if not run.done and (run.verdict.spent or retries_now(run.verdict, now=now)):
        return []  # it goes, and the next pass makes it again: somebody deleted the version, say
    job = _job(run, situation=situation, platform=platform)
    if run.done or run.verdict.phase is not Phase.SUCCEEDED:
        return [job]
    return [job, model_version(run, owner=situation.owner)]


def _job(run: Run, *, situation: Situation, platform: Platform) -> Child:
    spec = situation.service.spec
    suspended = spec.suspend and not run.done
    if run.training is not None:
        return batch.training(
            run.model,
            owner=situation.owner,
            run=run.hash,
            name=run.job_name,
            suspended=suspended,
            finished=run.done,
            platform=platform,
        )
    return conversion(
        run.model,
        owner=situation.owner,
        run=run.hash,
        name=run.job_name,
        trust=spec.trust,
        storage=serving_pod.storage_size(spec, platform=platform),
        suspended=suspended,
        finished=run.done,
        platform=platform,
    )


def retries_now(verdict: JobVerdict, *, now: float) -> bool:
    """Whether a failed Job goes, so that the next pass makes it again."""
    return verdict.retry_at is not None and now >= verdict.retry_at
