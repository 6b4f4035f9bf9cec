"""Documents in the order in which pods are given them. Pure.

What pods mount lags behind what they are pushed, so that a document says whether it is the newer.

Pods begin with a document of no sequence. Each time that the pods of a Deployment are to have
another revision, the document has the next one. An annotation of the Deployment keeps it, so that
it goes on where somebody deletes or edits the ConfigMap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelservice_operator.rollout.revisions import (
    SEQUENCE,
    SEQUENCE_ANNOTATION,
    Revision,
    notes,
    serves,
)

_LIMIT: Final = 2**53
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Order:
    """A document that pods are to take over, byte for byte as they mount it."""

    revision: str
    document: str


def order_of(live: Mapping[str, Revision], *, aim: str | None) -> Order | None:
    """What the pods of the aim are to be told; None until their ConfigMap says it."""
    revision = live.get(aim or "")
    if revision is None or _parsed(revision.mounted).get("revision") != revision.hash:
        return None
    return Order(revision=revision.hash, document=revision.mounted)


def sequence_of(holder: Revision | None, *, revision: str) -> int:
    """The sequence of a revision's document for the pods that `holder` has, by its Deployment."""
    if holder is None or holder.deployment is None:
        return 0  # pods that do not exist know of no document
    begun = serves(holder.deployment)[0] == revision
    number = _count(notes(holder.deployment).get(SEQUENCE_ANNOTATION)) + (0 if begun else 1)
    known = _parsed(holder.mounted)
    told = known.get(SEQUENCE)
    if type(told) is int and told < _LIMIT and known.get("revision") != revision:
        # NB: an operator may have ended between the ConfigMap and the note of it, and then came
        # another spec.
        return max(number, told + 1)
    return number


def sequenced(document: Mapping[str, Any], *, sequence: int) -> dict[str, Any]:
    """The document with its sequence; the first one has none."""
    return {**document, SEQUENCE: sequence} if sequence else dict(document)


def sequence_note(sequence: int) -> dict[str, str]:
    """The annotation of the Deployment that keeps it."""
    return {SEQUENCE_ANNOTATION: str(sequence)} if sequence else {}


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _count(text: str | None) -> int:
    """A number as it was noted; what is none counts as nothing."""
    return int(text) if text is not None and text.isdecimal() and len(text) < _DIGITS else 0
