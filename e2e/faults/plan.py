"""Plans as plain data: which workload, and what goes wrong when.

A fault names a request or a watch event by what it looks like and by its ordinal, so that a plan
says the same in every run; `Action` says what happens then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

# The process of a plan that is meant: the first is 1, one that is started again has the next.
ANY_PROCESS = 0


class Action(StrEnum):
    """What is done to a request or to a watch event. `-before`: the API server never sees it;
    `-after`: the API server carries it out and the operator does not hear of it."""

    # requests
    KILL_BEFORE = "kill-before"  # SIGKILL to the process that asks
    KILL_AFTER = "kill-after"  # not where the API server has refused it
    RESET_BEFORE = "reset-before"  # the connection is reset
    RESET_AFTER = "reset-after"
    HANG_BEFORE = "hang-before"  # no answer until the client gives up
    HANG_AFTER = "hang-after"
    ANSWER_BEFORE = "answer-before"  # `status` instead of the API server's answer
    ANSWER_AFTER = "answer-after"
    CUT = "cut"  # half of the answer's body, then a closed connection
    DELAY = "delay"  # `seconds`, then as usual
    PAUSE_BEFORE = "pause-before"  # SIGSTOP; on its way meanwhile, it arrives when the other leads
    PAUSE_AFTER = "pause-after"
    SNAPSHOT = "snapshot"  # remembers all lists as they are before this request
    STALE = "stale"  # a list is answered from the snapshot, with its old resourceVersion
    OUTAGE = "outage"  # from here on every connection is reset, for `seconds`

    # events of a watch
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"  # it comes after the next event of its stream (or after `seconds`)
    HOLD = "hold"  # it and all that follows on its stream come later: see `seconds` and `until`
    CUT_LINE = "cut-line"  # half of the line, then the end of the stream
    GARBLE = "garble"  # half of the line, its end missing; the stream goes on
    ERROR = "error"  # an ERROR event with `status` instead of it, then the end of the stream
    CLOSE = "close"  # the stream ends in order before it
    RESET_STREAM = "reset-stream"  # the stream's connection is reset before it


EVENT_ACTIONS = frozenset(
    {
        Action.DROP,
        Action.DUPLICATE,
        Action.REORDER,
        Action.HOLD,
        Action.CUT_LINE,
        Action.GARBLE,
        Action.ERROR,
        Action.CLOSE,
        Action.RESET_STREAM,
    }
)
HANGING = frozenset({Action.HANG_BEFORE, Action.HANG_AFTER})
# Seconds: how long an operator waits for an answer; how long another one takes to lead.
CLIENT = 30.0
TAKEOVER = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests or events; patterns as the shell's, `*` for any.

    `verb`: get, list, watch, create, apply, update, patch, delete. `subresource`: empty for the
    object itself. `type`: of a watch event, ADDED, MODIFIED or DELETED. `process`: ANY_PROCESS or
    which one of the plan, 1 for the first.
    """

    verb: str = "*"
    kind: str = "*"
    name: str = "*"
    subresource: str = "*"
    type: str = "*"
    process: int = ANY_PROCESS

    @property
    def words(self) -> str:
        """What it asks for, for people."""
        parts = (self.verb, self.type, self.kind, self.subresource, self.name)
        return " ".join(part for part in parts if part not in {"*", ""})

    def admits(self, seen: Match) -> bool:
        """Whether `seen`, which has no patterns, is one of those."""
        return (
            self.process in {ANY_PROCESS, seen.process}
            and fnmatchcase(seen.verb, self.verb)
            and fnmatchcase(seen.kind, self.kind)
            and fnmatchcase(seen.name, self.name)
            and fnmatchcase(seen.subresource, self.subresource)
            and fnmatchcase(seen.type, self.type)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """From the `nth` that `match` admits on, `times` of them are treated as `action` says.

    `seconds` is the length of a delay, hold or outage, or the Retry-After of an answer (0: none).
    A hold ends earlier when a request comes that `until` admits.
    """

    action: Action
    match: Match
    nth: int = 1
    times: int = 1
    status: int = 0
    seconds: float = 0.0
    until: Match | None = None

    @property
    def of_events(self) -> bool:
        return self.action in EVENT_ACTIONS

    @property
    def label(self) -> str:
        """As records tell it."""
        return f"{self.action} {self.status}" if self.status else str(self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One thing to try. `id` is stable: it names the workload, the kind of fault and its place.

    `kind` is the class that the report counts it in; `operators` is 2 where a second one stands by
    (leader election is on then). `settings` are further flags of the operator.
    """

    id: str
    workload: str
    kind: str
    faults: tuple[Fault, ...] = ()
    operators: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> float:
        """About how many seconds its faults add to its workload's own."""
        hanging = sum(fault.action in HANGING for fault in self.faults)
        asked = sum(fault.seconds for fault in self.faults)
        return CLIENT * hanging + asked + TAKEOVER * (self.operators - 1)

    def __str__(self) -> str:
        told = ", ".join(_told(fault) for fault in self.faults) or "no fault"
        return f"{self.id}: {told}"


def _told(fault: Fault) -> str:
    match = fault.match
    what = match.words
    which = f" #{fault.nth}" + (f" and {fault.times - 1} more" if fault.times > 1 else "")
    where = f" of process {match.process}" if match.process != ANY_PROCESS else ""
    detail = f" {fault.status}" if fault.status else ""
    detail += f" {fault.seconds:g} s" if fault.seconds else ""
    detail += f" or until {fault.until.words}" if fault.until else ""
    return f"{fault.action}{detail} at {what or 'anything'}{which}{where}"
