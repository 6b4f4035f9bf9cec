"""The next sizes of a service's revisions. Pure, and stateless but for what is live.

`Surge` brings a new pod up beside the old ones and takes an old one away for each that is ready:
there are never fewer ready pods than wanted, and never more than one pod too many.
`Replace` takes an old pod away first: it needs no spare capacity, and goes one pod at a time.
`Reload` keeps the pods: they change their models (see `reload`), and sizes stay what is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Strategy(StrEnum):
    SURGE = "Surge"
    REPLACE = "Replace"
    RELOAD = "Reload"


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one revision stands.

    `size` is what its Deployment asks for now, `pods` counts all of its pods, those that are
    terminating included, and `proven` says that it was ready once.
    """

    hash: str
    size: int
    ready: int
    pods: int
    proven: bool
    created: str


@dataclass(frozen=True, slots=True)
class Step:
    """The sizes to write now, by revision hash; a revision that is not named is to go."""

    sizes: Mapping[str, int]
    strategy: Strategy | None = None  # None: nothing is being replaced
    reason: str = ""


def step(*, target: Stand, others: Sequence[Stand], size: int, strategy: Strategy) -> Step:
    """One step from what is live towards `size` pods of `target` and none of `others`."""
    guards = sorted(
        (other for other in others if other.proven and other.size > 0),
        key=lambda other: (-other.ready, other.created),
    )
    leaving = sum(other.pods for other in others)
    if size == 0:
        return Step(sizes={target.hash: 0})
    if not guards and strategy is Strategy.SURGE:
        return Step(sizes={target.hash: size})
    if not guards:
        # nothing serves that could be hurt, but the new pods may need what the old ones still hold
        grown = max(target.size, size - leaving)
        return Step(sizes={target.hash: min(size, grown)}, strategy=_if(leaving, strategy))
    if strategy is Strategy.SURGE:
        wanted = min(size, max(target.size, target.ready + 1))
        held = max(0, size - target.ready)
        reason = "A new pod comes up beside the old ones before one of them goes."
    else:
        held = max(0, size - 1 - target.ready)
        wanted = min(size, max(target.size, size - max(leaving, held)))
        reason = "An old pod goes before a new one comes: there is no room for both."
    return Step(
        sizes={target.hash: wanted, **_hold(guards, total=held)}, strategy=strategy, reason=reason
    )


def _hold(guards: Sequence[Stand], *, total: int) -> dict[str, int]:
    """Splits `total` pods over the old revisions; the one with most ready pods takes the rest."""
    sizes: dict[str, int] = {}
    rest = total
    for guard in guards[1:]:
        sizes[guard.hash] = min(rest, guard.ready)
        rest -= sizes[guard.hash]
    sizes[guards[0].hash] = rest
    return {name: count for name, count in sizes.items() if count > 0}


def _if(leaving: int, strategy: Strategy) -> Strategy | None:
    return strategy if leaving else None
