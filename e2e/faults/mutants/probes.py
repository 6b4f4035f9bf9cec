"""The plans that mutants are tried with: few, short, and passed by the operator as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from e2e.faults.plan import Action, Fault, Match, Plan
from modelservice_operator.kube.kinds import WATCHED

ALWAYS: Final = 1000
STATUS: Final = Match(verb="apply", kind="ModelService", subresource="status")


def _plan(
    name: str,
    workload: str,
    *faults: Fault,
    operators: int = 1,
    settings: Mapping[str, str] | None = None,
) -> Plan:
    return Plan(
        id=f"mutants/{name}",
        workload=workload,
        kind="mutants",
        faults=faults,
        operators=operators,
        settings=settings or {},
    )


# The workloads that are tried as they are.
PLAIN: Final = (
    "altered_configmap_taken",
    "altered_service_changed",
    "deleted_while_held",
    "new_version",
    "older_operator",
    "retained",
    "serves",
    "trained",
    "trained_again",
    "upgraded",
    "upgraded_training",
    "version_ref",
)
PROBES: Final[dict[str, Plan]] = {
    **{name: _plan(name, name) for name in PLAIN},
    # what the watch of Deployments says of their readiness never comes
    "lost_events": _plan(
        "lost_events",
        "serves",
        Fault(
            action=Action.DROP,
            match=Match(verb="watch", kind="Deployment", type="MODIFIED"),
            times=ALWAYS,
        ),
    ),
    "status_fails": _plan(
        "status_fails",
        "serves",
        Fault(action=Action.ANSWER_BEFORE, match=STATUS, times=4, status=500),
    ),
    "child_fails": _plan(
        "child_fails",
        "serves",
        Fault(
            action=Action.ANSWER_BEFORE,
            match=Match(verb="apply", kind="Deployment"),
            times=5,
            status=500,
        ),
    ),
    # the leader stands still between two stages of its writes
    "paused_leader": _plan(
        "paused_leader",
        "new_version",
        Fault(action=Action.PAUSE_AFTER, match=Match(verb="apply", kind="ConfigMap"), nth=2),
        operators=2,
    ),
    # the deletion of a service is told late
    "late_deletion": _plan(
        "late_deletion",
        "deleted_while_starting",
        Fault(
            action=Action.HOLD,
            match=Match(verb="watch", kind="ModelService", type="DELETED"),
            seconds=4.0,
        ),
    ),
    # nobody tells what became of the Service of the one before
    "lost_child": _plan(
        "lost_child",
        "made_again",
        Fault(
            action=Action.DROP,
            match=Match(verb="watch", kind="Service", type="DELETED"),
            times=ALWAYS,
        ),
        settings={"resync-period": "600"},
    ),
    # a process dies when it has told the second generation; the next one lists the first one's end
    "stale_restart": _plan(
        "stale_restart",
        "scaled",
        Fault(action=Action.SNAPSHOT, match=STATUS, nth=2),
        Fault(action=Action.KILL_AFTER, match=STATUS, nth=3),
        # its watches begin with what is, and its own first lists come from a server that lags
        Fault(
            action=Action.STALE,
            match=Match(verb="list", process=2),
            nth=len(WATCHED) + 1,
            times=len(WATCHED),
        ),
    ),
}
