"""Plans from a fault-free run of a workload: what it asked of the API server, each with a fault.

    kill           for each write: the process dies before it is sent on, and after it is committed
    answer         each shape of request (verb, kind, subresource) is answered with each error
    lost answer    each shape of write is carried out, and the operator does not hear of it
    connection     each shape of request is reset, cut, left hanging, or late
    watch          each kind's watch loses, doubles, swaps or breaks events, or ends
    held           each kind's events come late
    stale restart  a process dies, and the next one's first lists are older than what was written
    crash loop     each apply costs a process its life
    outage         from a write on nobody can be reached for some seconds
    throttle       many requests in a row are refused with Retry-After
    discovery      what kinds there are cannot be read
    leaders        of two operators the leader is paused, cut off or killed around a write

Left out because the API server never says it, so that no answer to it could be called right:
404 to a create or an apply (an apply makes what is missing) and to lists of built-in kinds; 409 and
422 to reads; 422 to a deletion; 410 to anything but lists and watches. Faults of Events are tried
at the first one only: they are best effort and follow from nothing else.

Left out because little new can come of it:

- What an operator asks before it acts (lists, the beginnings of watches, discovery) is the same
  whatever it then does: each kind's is tried in one workload, the first in which something happens
  to that kind.
- A `Place` is tried with every error in the first workload that comes to it, and with one of them,
  which differs from workload to workload, in the others; so are the events of a kind. What costs
  an operator its life, its lead or its memory is tried at every write of every workload.
- The Lease's own requests are touched by leaders' plans only.

Ids are made of what is in them, so the same runs give the same plans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from e2e.faults.places import Asked, Place, Shape, asked, firsts
from e2e.faults.plan import Action, Fault, Match, Plan
from e2e.faults.record import WRITES, Trace, WatchEvent
from e2e.faults.workload import Workload
from modelservice_operator.kube.kinds import WATCHED

# name → (status, Retry-After)
ANSWERS: Final = {
    "403": (403, 0.0),
    "404": (404, 0.0),
    "409": (409, 0.0),
    "410": (410, 0.0),
    "422": (422, 0.0),
    "429": (429, 1.0),
    "500": (500, 0.0),
    "503": (503, 0.0),
    "504": (504, 0.0),
}
OWN: Final = frozenset({"ModelService", "ModelVersion"})
# Seconds: longer than everything else takes, shorter than the suite's patience.
HELD: Final = 4.0
BEHIND: Final = 10.0
LATE: Final = 3.0
OUTAGE: Final = 5.0
CUT_OFF: Final = 12.0
# Two lists of each kind: the sweeper's, which fills the store, and the watch engine's.
FIRST_LISTS: Final = 2 * len(WATCHED)
ALWAYS: Final = 1000

_STATUS: Final = Match(verb="apply", kind="ModelService", subresource="status")
_EVENT_FAULTS: Final = (
    ("drop", Fault(action=Action.DROP, match=Match())),
    ("duplicate", Fault(action=Action.DUPLICATE, match=Match())),
    ("reorder", Fault(action=Action.REORDER, match=Match())),
    ("cut-line", Fault(action=Action.CUT_LINE, match=Match())),
    ("garble", Fault(action=Action.GARBLE, match=Match())),
    ("error-410", Fault(action=Action.ERROR, match=Match(), status=410)),
    ("error-500", Fault(action=Action.ERROR, match=Match(), status=500)),
    ("close", Fault(action=Action.CLOSE, match=Match())),
    ("reset", Fault(action=Action.RESET_STREAM, match=Match())),
)


def fault_free(workload: Workload) -> Plan:
    """The workload as it is, to be judged like the others."""
    return Plan(id=f"{workload.name}/none", workload=workload.name, kind="none")


def plans(traces: Mapping[str, Trace]) -> list[Plan]:
    """All plans that follow from the fault-free traces of workloads, by name; sorted by id.

    The first workloads get the most plans: they should be the simplest.
    """
    made: list[Plan] = []
    tried = _Tried()
    for name, trace in traces.items():
        made += _Maker(name, tried).all(trace)
    return sorted(made, key=lambda plan: plan.id)


def _mark(plan: Plan) -> str:
    """By which the one of many is chosen that a workload tries: another one in each."""
    return sha256(plan.id.encode()).hexdigest()


def _possible(name: str, shape: Shape) -> bool:
    """Whether the API server may answer so; see the module."""
    verb, kind, subresource = shape
    match name:
        case "404":
            if verb in {"list", "watch"}:
                return kind in OWN
            return verb in {"get", "delete"} or bool(subresource)
        case "409":
            return verb in WRITES
        case "410":
            return verb in {"list", "watch"}
        case "422":
            return verb in WRITES - {"delete"}
    return True


@dataclass(slots=True)
class _Tried:
    """What earlier workloads have tried already."""

    places: set[Place] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)  # whose lists and first watches
    events: set[tuple[str, str]] = field(default_factory=set)  # kind and type


@dataclass(frozen=True, slots=True)
class _Maker:
    workload: str
    tried: _Tried

    def all(self, trace: Trace) -> Iterator[Plan]:
        pairs = list(asked(trace.requests))
        writes = [one for request, one in pairs if request.writes and request.committed]
        kinds = {event.kind for event in trace.events}
        if not self.tried.kinds:
            yield from self.discovery()
        for one in firsts(one for _, one in pairs):
            yield from self.requests(one, kinds=kinds - self.tried.kinds)
        yield from self.kills(writes)
        yield from self.watches(trace.events)
        yield from self.stale_restarts(writes)
        yield from self.storms(writes)
        yield from self.leaders(writes)
        self.tried.kinds |= kinds
        self.tried.places |= {one.place for _, one in pairs}
        self.tried.events |= {(event.kind, event.type) for event in trace.events}

    def requests(self, asked: Asked, *, kinds: set[str]) -> Iterator[Plan]:
        """`kinds`: those whose lists and first watches are this workload's to try."""
        verb, kind, _ = asked.shape
        every = [*self.answers(asked), *self.connections(asked)]
        if verb in {"list", "watch"}:
            yield from every if kind in kinds else ()
        elif asked.place in self.tried.places:
            yield min(every, key=_mark)
        else:
            yield from every

    def kills(self, writes: list[Asked]) -> Iterator[Plan]:
        for write in writes:
            for action in (Action.KILL_BEFORE, Action.KILL_AFTER):
                fault = _at(write, action)
                yield self._plan("kill", f"{action}-{write.told}", fault)

    def answers(self, asked: Asked) -> Iterator[Plan]:
        for name, (status, seconds) in ANSWERS.items():
            if not _possible(name, asked.shape):
                continue
            for often, times in (("once", 1), ("thrice", 3)):
                fault = Fault(
                    action=Action.ANSWER_BEFORE,
                    match=_match(asked.shape),
                    nth=asked.nth,
                    times=times,
                    status=status,
                    seconds=seconds,
                )
                yield self._plan("answer", f"{name}-{asked.told}-{often}", fault)

    def connections(self, asked: Asked) -> Iterator[Plan]:
        verb = asked.shape[0]
        for action in (Action.RESET_BEFORE, Action.HANG_BEFORE):
            yield self._plan("connection", f"{action}-{asked.told}", _at(asked, action))
        late = _at(asked, Action.DELAY, seconds=LATE)
        yield self._plan("connection", f"{Action.DELAY}-{asked.told}", late)
        if verb == "watch":
            return
        cut = _at(asked, Action.CUT)
        if verb not in WRITES:
            yield self._plan("connection", f"{Action.CUT}-{asked.told}", cut)
            return
        yield self._plan("lost answer", f"{Action.CUT}-{asked.told}", cut)
        for action in (Action.RESET_AFTER, Action.HANG_AFTER):
            yield self._plan("lost answer", f"{action}-{asked.told}", _at(asked, action))
        for status in (500, 504):
            fault = _at(asked, Action.ANSWER_AFTER, status=status)
            yield self._plan("lost answer", f"{status}-after-{asked.told}", fault)

    def watches(self, events: list[WatchEvent]) -> Iterator[Plan]:
        seen = Counter((event.kind, event.type) for event in events)
        for (kind, type_), count in seen.items():
            lost, others = self._struck(kind, type_, count=count)
            yield from lost
            yield from (
                others if (kind, type_) not in self.tried.events else [min(others, key=_mark)]
            )

    def _struck(self, kind: str, type_: str, *, count: int) -> tuple[list[Plan], list[Plan]]:
        """Plans for the events of a kind and type: those of losing one, and the others."""
        match = Match(verb="watch", kind=kind, type=type_)
        where = f"{kind}-{type_.lower()}"
        lost: list[Plan] = []
        others: list[Plan] = []
        for name, fault in _EVENT_FAULTS:
            struck = Fault(action=fault.action, match=match, status=fault.status)
            plan = self._plan("watch", f"{name}-{where}-1", struck)
            (lost if fault.action is Action.DROP else others).append(plan)
        if count > 1:  # of the last event of all, nothing that comes later tells
            last = Fault(action=Action.DROP, match=match, nth=count)
            lost.append(self._plan("watch", f"drop-{where}-{count}", last))
        for nth in sorted({1, count}):
            held = Fault(action=Action.HOLD, match=match, nth=nth, seconds=HELD)
            others.append(self._plan("held", f"hold-{where}-{nth}", held))
        behind = Fault(action=Action.HOLD, match=match, seconds=BEHIND, until=_STATUS)
        others.append(self._plan("held", f"hold-{where}-until-status", behind))
        return lost, others

    def stale_restarts(self, writes: list[Asked]) -> Iterator[Plan]:
        """The next process sees the world as before the same write, and as half-way to it."""
        stale = Fault(action=Action.STALE, match=Match(verb="list", process=2), times=FIRST_LISTS)
        for index, write in enumerate(writes):
            for since in {write, writes[index // 2]}:
                faults = (_at(since, Action.SNAPSHOT), _at(write, Action.KILL_AFTER), stale)
                yield self._plan("stale restart", f"{since.told}-to-{write.told}", *faults)

    def storms(self, writes: list[Asked]) -> Iterator[Plan]:
        every = Fault(action=Action.KILL_AFTER, match=Match(verb="apply"), times=ALWAYS)
        yield self._plan("crash loop", "kill-after-every-apply", every)
        for write in self._new(writes):
            outage = _at(write, Action.OUTAGE, seconds=OUTAGE)
            yield self._plan("outage", write.told, outage)
        for verb in sorted({write.shape[0] for write in writes}):
            fault = Fault(
                action=Action.ANSWER_BEFORE,
                match=Match(verb=verb),
                times=10,
                status=429,
                seconds=1.0,
            )
            yield self._plan("throttle", verb, fault)

    def discovery(self) -> Iterator[Plan]:
        match = Match(verb="get", kind="", name="/api*")
        for status in (403, 429, 500, 503):
            fault = Fault(action=Action.ANSWER_BEFORE, match=match, times=3, status=status)
            yield self._plan("discovery", str(status), fault)
        for action in (Action.RESET_BEFORE, Action.CUT):
            yield self._plan("discovery", str(action), Fault(action=action, match=match, times=3))

    def leaders(self, writes: list[Asked]) -> Iterator[Plan]:
        for write in writes:
            for action in (Action.PAUSE_BEFORE, Action.PAUSE_AFTER):
                yield self._pair(f"{action}-{write.told}", _at(write, action))
        for write in self._new(writes):
            yield self._pair(f"kill-{write.told}", _at(write, Action.KILL_AFTER))
            cut_off = _at(write, Action.OUTAGE, seconds=CUT_OFF, process=1)
            yield self._pair(f"cut-off-{write.told}", cut_off)

    def _new(self, writes: list[Asked]) -> list[Asked]:
        """Those at places that no earlier workload came to."""
        return [write for write in firsts(writes) if write.place not in self.tried.places]

    def _pair(self, name: str, fault: Fault) -> Plan:
        return Plan(
            id=f"{self.workload}/leaders/{name}",
            workload=self.workload,
            kind="leaders",
            faults=(fault,),
            operators=2,
        )

    def _plan(self, kind: str, name: str, *faults: Fault) -> Plan:
        return Plan(
            id=f"{self.workload}/{kind.replace(' ', '-')}/{name}",
            workload=self.workload,
            kind=kind,
            faults=faults,
        )


def _match(shape: Shape, *, process: int = 0) -> Match:
    verb, kind, subresource = shape
    return Match(verb=verb, kind=kind, subresource=subresource, process=process)


def _at(
    asked: Asked, action: Action, *, seconds: float = 0.0, status: int = 0, process: int = 0
) -> Fault:
    match = _match(asked.shape, process=process)
    return Fault(action=action, match=match, nth=asked.nth, seconds=seconds, status=status)
