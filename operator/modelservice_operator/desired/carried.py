"""Whose Deployment serves a revision: its own, or that of pods which reload its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelservice_operator.desired.sequence import sequence_note, sequence_of
from modelservice_operator.desired.situation import Situation
from modelservice_operator.observed.pods import rfc3339
from modelservice_operator.rollout.revisions import (
    LOADED_ANNOTATION,
    SERVES_ANNOTATION,
    SINCE_ANNOTATION,
    Revision,
    notes,
    serves,
)
from modelservice_operator.view import Observed


@dataclass(frozen=True, slots=True)
class Carried:
    """`beside` is a revision whose record stays: what the pods have that have not told yet.
    `sequence` is that of the document (`desired.sequence`)."""

    carrier: str
    notes: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""
    sequence: int = 0


def carried(situation: Situation, *, revision: str, now: float) -> Carried:
    """Where the models of a revision of the step are."""
    known = situation.live.get(revision)
    reload = situation.reload if revision == situation.aim else None
    if reload is not None:
        carrier = reload.carrier
    elif revision == situation.aim or known is None or known.deployment is None:
        carrier = revision
    else:
        carrier = known.carrier
    holder = _holder(situation, carrier=carrier)
    sequence = sequence_of(holder, revision=revision)
    own = Carried(revision, notes=sequence_note(sequence), sequence=sequence)
    if holder is None or holder.deployment is None or (reload is None and carrier == revision):
        return own
    deployment = holder.deployment
    loaded = _loaded(deployment, revision=revision, complete=reload is None or reload.complete)
    if carrier == revision == loaded:
        return own
    begun = serves(deployment)[0] == revision
    since = notes(deployment).get(SINCE_ANNOTATION) if begun else None
    return Carried(
        carrier=carrier,
        notes={
            **own.notes,
            SERVES_ANNOTATION: revision,
            SINCE_ANNOTATION: since or rfc3339(now),
            LOADED_ANNOTATION: loaded,
        },
        beside=loaded if loaded != revision else "",
        sequence=sequence,
    )


def _holder(situation: Situation, *, carrier: str) -> Revision | None:
    """A revision that has the Deployment of this name."""
    return next(
        (
            item
            for item in situation.live.values()
            if item.carrier == carrier and item.deployment is not None
        ),
        None,
    )


def _loaded(deployment: Observed, *, revision: str, complete: bool) -> str:
    """What pods have that have not told of the revision."""
    if complete:
        return revision
    wanted, loaded = serves(deployment)
    if wanted == revision:
        return loaded
    # It begins. Of pods that were on their way to another one, nobody knows how far they came.
    return wanted if loaded == revision else loaded
