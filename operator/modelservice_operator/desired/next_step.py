"""The next step from the revisions that live to the one that is aimed at. Pure.

How it comes is the spec's word, or follows from what there is: pods that serve reload where only
models change; else new pods come up beside the old ones; old ones go first where there is no room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from modelservice_operator.api import ModelService, duration
from modelservice_operator.desired import serving_pod
from modelservice_operator.desired.child import Owner
from modelservice_operator.desired.model_set import ModelEntry
from modelservice_operator.desired.platform import Platform
from modelservice_operator.rollout.planner import Stand, Step, Strategy, step
from modelservice_operator.rollout.reload import Reload, possible, under_way
from modelservice_operator.rollout.revisions import Revision, serves
from modelservice_operator.view import View

SURGE_PATIENCE = 60.0  # seconds a surge pod may find no node before old pods make room for it


def strategy_of(
    service: ModelService, *, target: str | None, live: Mapping[str, Revision], now: float
) -> tuple[Strategy, bool]:
    """How the target comes, and whether a Surge was turned into a Replace."""
    stated = service.spec.rollout.strategy
    if stated != "Auto":
        return Strategy(stated), False
    revision = live.get(target or "")
    if revision is None:
        return Strategy.SURGE, False
    since = revision.unschedulable_since()
    others = any(item.pods for item in live.values() if item.hash != target)
    stuck = since is not None and now - since >= SURGE_PATIENCE and others
    turned = revision.turned or stuck
    return (Strategy.REPLACE if turned else Strategy.SURGE), turned


def settled(live: Mapping[str, Revision], *, target: str | None) -> str | None:
    """What serves while the target may not come: the newest revision that was ready once."""
    kept = [item for item in live.values() if item.data and item.hash != target]
    proven = [item for item in kept if item.stand().proven]
    chosen = (proven or kept)[-1:]
    return chosen[0].hash if chosen else None


def reload_of(
    service: ModelService,
    *,
    owner: Owner,
    aim: str,
    target: str | None,
    entries: Sequence[ModelEntry],
    view: View,
    live: Mapping[str, Revision],
    size: int,
    platform: Platform,
    now: float,
) -> Reload | None:
    """The reload to the aim that is under way, is done, or may begin."""
    spec = service.spec
    deadline = duration.seconds(spec.serving.progress_deadline)
    begun = under_way(live, target=aim, progress=view.progress, deadline=deadline, now=now)
    deployment = live[aim].deployment if aim in live else None
    there = deployment is not None and serves(deployment)[0] == aim
    if begun is not None or there or aim != target or spec.rollout.strategy != "Auto":
        return begun
    template = partial(
        serving_pod.template,
        spec,
        owner=owner,
        revision=aim,
        entries=entries,
        platform=platform,
    )
    return possible(live, target=aim, size=size, template=template, now=now)


def step_of(
    aim: str | None,
    *,
    live: Mapping[str, Revision],
    size: int,
    strategy: Strategy,
    reload: Reload | None,
    unreloaded: str,
) -> Step:
    if aim is None:
        return Step(sizes={})
    if reload is not None and not reload.complete:
        reason = "The pods that serve load the new models beside the old ones."
        return Step(sizes={aim: size}, strategy=Strategy.RELOAD, reason=reason)
    known = live.get(aim)
    carrier = reload.carrier if reload is not None else aim
    own = known is not None and known.deployment is not None and known.carrier == carrier
    stand = (
        known.stand()
        if known is not None and own
        else Stand(hash=aim, size=0, ready=0, pods=0, proven=False, created="")
    )
    others = [item.stand() for item in _others(live, aim=aim, carrier=carrier)]
    found = step(target=stand, others=others, size=size, strategy=strategy)
    if unreloaded and found.strategy is not None:
        return replace(found, reason=f"{found.reason} A live reload failed: {unreloaded}")
    return found


def _others(live: Mapping[str, Revision], *, aim: str, carrier: str) -> Iterator[Revision]:
    """What is not the aim, each Deployment once: as the revision that its pods had first."""
    for item in live.values():
        if item.deployment is None:
            if item.hash != aim:
                yield item
        elif item.carrier != carrier and item.hash == serves(item.deployment)[1]:
            shared = [other for other in live.values() if other.carrier == item.carrier]
            yield replace(item, pods=tuple(pod for other in shared for pod in other.pods))
