"""The status of a ModelVersion: who serves it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelservice_operator.api.modelversion import USERS_SHOWN
from modelservice_operator.view import Key


def usage(users: Sequence[Key]) -> dict[str, Any]:
    """The status that tells of these services, sorted.

    Never an empty one: an apply that gives up all fields of a status leaves a null, which no CRD
    takes.
    """
    shown = {"usedBy": [str(key) for key in users[:USERS_SHOWN]]} if users else {}
    return {**shown, "users": len(users)}


def tells(status: Mapping[str, Any], *, users: Sequence[Key]) -> bool:
    """Whether a status tells of just these services; of a version that nobody serves, none does."""
    told = {"users": 0, **{key: status[key] for key in ("usedBy", "users") if key in status}}
    return told == usage(users)
