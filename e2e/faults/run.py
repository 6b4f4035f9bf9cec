"""What came of a plan: everything that an oracle may look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from e2e.faults.history import History
from e2e.faults.plan import Plan
from e2e.faults.record import Manifest, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step of the workload: when the user acted, and when it was over (None: never)."""

    step: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """An operator process that ended. `status`: exit status, or minus the signal. `expected`: the
    plan killed it, or the runner stopped it."""

    at: float
    process: int
    status: int
    expected: bool


@dataclass(slots=True, kw_only=True)
class Run:
    """One plan, played.

    `converged_at`: when the last step was over and nothing had moved for a moment (None: never in
    time; `stuck` tells what was missing). `quiet`: the stretch (from, to) of the plan's clock in
    which nobody touched anything and the operator had to write nothing. `end`: the namespace's
    objects at the end of that stretch. `deleted_at`: when the runner deleted the ModelServices;
    `left`: what was there after what they owned had its time to go. `fired`: how often each fault
    of the plan struck, in the plan's order. `logs`: the operator's, by process.
    """

    plan: Plan
    namespace: str
    began: float
    trace: Trace = field(default_factory=Trace)
    history: History
    moments: list[Moment] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    logs: dict[int, Path] = field(default_factory=dict)
    fired: list[int] = field(default_factory=list)
    converged_at: float | None = None
    quiet: tuple[float, float] | None = None
    end: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    deleted_at: float | None = None
    left: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    stuck: str = ""
    ended: float = 0.0
