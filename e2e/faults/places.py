"""Where the requests of a trace stand in the lives of their objects, and which come there first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from e2e.faults.record import Request

Shape = tuple[str, str, str]

# What is told apart of the objects of a kind, and of the requests for one of them; all that come
# later are like the last of these.
OBJECTS: Final = 2
TURNS: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands in the life of its object, which is what an answer to it can hurt:
    the `turn`th of its shape for the `which`th object of its kind."""

    shape: Shape
    which: int = 1
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The nth request of its shape."""

    shape: Shape
    nth: int
    place: Place

    @property
    def told(self) -> str:
        return f"{told(self.shape)}-{self.nth}"


def told(shape: Shape) -> str:
    """A shape as ids write it."""
    return "-".join(part for part in shape if part)


def asked(requests: Iterable[Request]) -> Iterator[tuple[Request, Asked]]:
    """The requests in order, but those for a Lease or for no kind; of Events only the first."""
    shapes: Counter[Shape] = Counter()
    turns: Counter[tuple[Shape, str]] = Counter()
    objects: dict[str, list[str]] = {}
    for request in requests:
        if request.kind in {"", "Lease"}:
            continue
        shape = request.shape
        shapes[shape] += 1
        if request.kind == "Event" and shapes[shape] > 1:
            continue
        place = Place(shape)
        if request.verb not in {"list", "watch"}:
            name, known = _name(request), objects.setdefault(request.kind, [])
            if name not in known:
                known.append(name)
            turns[shape, name] += 1
            which, turn = known.index(name) + 1, turns[shape, name]
            place = Place(shape, which=min(which, OBJECTS), turn=min(turn, TURNS))
        yield request, Asked(shape, shapes[shape], place)


def _name(request: Request) -> str:
    """Of the object that a request is about; a creation tells it in its body."""
    metadata = (request.body or {}).get("metadata", {})
    return request.name or str(metadata.get("name", ""))


def firsts(requests: Iterable[Asked]) -> list[Asked]:
    """One for each place, the first that comes to it."""
    found: dict[Place, Asked] = {}
    for one in requests:
        found.setdefault(one.place, one)
    return list(found.values())
