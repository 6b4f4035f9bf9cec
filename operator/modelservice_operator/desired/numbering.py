"""Version numbers of models that have none of their own: files, counted as they are first served.

Two versions of a model that lie in one Triton at the same time need two numbers, and a number never
means two files. The number is no part of a revision's name: the same spec is the same revision,
whatever came between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelservice_operator.desired.model_set import ModelEntry
from modelservice_operator.rollout.revisions import Revision


def numbered(entries: Sequence[ModelEntry], *, live: Iterable[Revision]) -> tuple[ModelEntry, ...]:
    """The entries with a number each. `live`: the revisions that exist."""
    records = [record for revision in live for record in revision.models]
    return tuple(
        replace(entry, version=_number(entry, records=records)) if entry.spec.file else entry
        for entry in entries
    )


def _number(entry: ModelEntry, *, records: Sequence[Mapping[str, Any]]) -> int:
    known = [record for record in records if record["name"] == entry.name]
    for record in known:
        if record.get("digest") == entry.digest:
            return int(record["version"])
    return max((int(record["version"]) + 1 for record in known), default=entry.version)
