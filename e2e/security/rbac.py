"""The operator's rights: what the chart grants is what its audit log shows, in every profile of
values; no more and no less.

`story` is everything that the operator ever does (`workloads`); the API server refused it nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from e2e import chart
from e2e.cluster import tools
from e2e.rig.operators import Operator
from e2e.security import rights, workloads
from e2e.security.figures import Figure, at_most, none_of
from e2e.security.rights import Request, Right, told
from e2e.security.stage import ACCOUNT, Stage, StuckError
from modelservice_operator.api.names import GROUP

PAIRS = 110  # verb and resource: what the best of the comparable operators asks for
STATUS_READ: Right = ("get", f"{GROUP}/modelservices")
VERSION_READ: Right = ("get", f"{GROUP}/modelversions")
# What a profile takes from the operator on purpose; it says so then, where a service asks for it.
WITHHELD: Mapping[str, frozenset[Right]] = {
    "no-retention": frozenset({("delete", f"{GROUP}/modelversions")})
}


@dataclass(frozen=True)
class Story:
    """The operators, the second of which leads now, and the steps that did not end."""

    operators: tuple[Operator, Operator]
    steps: int
    stuck: tuple[str, ...]

    def figure(self) -> Figure:
        """What is left undone makes every other figure doubtful."""
        return none_of(
            "steps of an operator's life that did not end", self.stuck, of=self.steps, least=8
        )


def story(stage: Stage, *, environment: dict[str, str]) -> Story:
    """All that an operator does, and a change of leaders."""
    first = stage.operator("first", environment=environment)
    second = stage.operator("second", environment=environment)

    def change_leaders() -> None:
        first.terminate()
        first.wait()
        stage.wait("the second leads", lambda: second.metrics().get("modelservice_leader") == 1)

    steps: tuple[Callable[[], object], ...] = (
        partial(workloads.examples, stage),
        partial(workloads.ordinary, stage),
        partial(workloads.conflicts, stage),
        partial(workloads.registered_by_another, stage),
        partial(workloads.raced, stage, seen=partial(_seen, stage, VERSION_READ)),
        partial(workloads.leftovers, stage),
        partial(workloads.contended, stage, seen=partial(_seen, stage, STATUS_READ)),
        change_leaders,
    )
    stuck = []
    for step in steps:
        try:
            step()
        except StuckError as error:
            stuck.append(str(error))
    return Story((first, second), len(steps), tuple(stuck))


def _seen(stage: Stage, right: Right) -> bool:
    log = rights.requests(stage.rig.plane.audit_log)
    return any(request.user == ACCOUNT and request.right == right for request in log)


def profiles() -> dict[str, frozenset[Right]]:
    """The operator's rights in each profile of values."""
    helm = tools.binary("helm")
    found = {
        name: rights.granted(chart.manifests(helm, values=values), account=_account(values))
        for name, values in {"default": {}, **chart.OPTIONS}.items()
    }
    development = chart.manifests(helm, chart.DEVELOPMENT)
    return {**found, "development": rights.granted(development, account=chart.RELEASE)}


def _account(values: chart.Values) -> str:
    named = values.get("serviceAccount", {}).get("name")
    return str(named or values.get("fullnameOverride") or chart.RELEASE)


def _differences(
    profiles: Mapping[str, frozenset[Right]],
    difference: Callable[[frozenset[Right]], frozenset[Right]],
) -> list[str]:
    """Each right once, with the profiles that it is about."""
    found: dict[Right, list[str]] = {}
    for name, rights_of in profiles.items():
        for right in difference(rights_of):
            found.setdefault(right, []).append(name)
    return [f"{told(right)} ({', '.join(names)})" for right, names in sorted(found.items())]


def measure(log: list[Request]) -> Iterator[Figure]:
    """Compare."""
    used = rights.used(log, user=ACCOUNT)
    by_profile = profiles()
    granting = {name: found for name, found in by_profile.items() if found}
    everything = frozenset().union(*granting.values())
    yield none_of(
        f"rights granted and not used, in {len(granting)} profiles of values",
        _differences(granting, lambda found: found - used),
        of=len(everything),
        least=40,
    )
    yield none_of(
        f"rights used and not granted, in {len(granting)} profiles of values",
        _differences(
            {name: found | WITHHELD.get(name, frozenset()) for name, found in granting.items()},
            lambda found: used - found,
        ),
        of=len(used),
        least=40,
    )
    refused = [
        f"{told(one.right)}: {one.path}" for one in log if one.user == ACCOUNT and one.refused
    ]
    mine = sum(one.user == ACCOUNT for one in log)
    yield none_of("requests of the operator that RBAC refused", refused, of=mine, least=500)
    yield none_of(
        "rights to wildcards, Secrets, exec or more rights",
        rights.dangerous(everything),
        of=len(everything),
        least=40,
    )
    without = [name for name, found in by_profile.items() if not found]
    stray = [name for name in without if name != "rights-elsewhere"]
    yield none_of("profiles that lose the rights unasked", stray, of=len(by_profile), least=10)
    most = max(len(found) for found in by_profile.values())
    yield at_most("pairs of verb and resource in RBAC", most, budget=PAIRS)
