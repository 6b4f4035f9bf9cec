"""A new model for a part of the services."""

import time
from collections import Counter

from e2e.bench import burst, load
from e2e.bench.bed import OPERATOR
from e2e.bench.figure import Figure
from e2e.bench.follow import every
from e2e.bench.objects import Name, service, service_of
from e2e.bench.population import living
from e2e.bench.scenario import Scenario
from e2e.bench.session import MERGE
from e2e.bench.trial import Trial

FIGURES = (
    Figure("changed", "all children of the new revision are written after", unit="s", at_most=4.0),
    Figure("ready", "all Ready with the new model after", unit="s"),
    Figure("beyond", "writes an update beyond one a changed child", at_most=2.0),
    Figure("children", "children changed an update"),
    Figure("writes", "writes an update"),
    Figure("reads", "reads an update", at_most=0.0),
    Figure("flaps", "services that stopped being Ready at the new model", at_most=0.0),
)
PATIENCE = 300.0
NEW = ("deployments", "configmaps", "controllerrevisions")


async def run(trial: Trial) -> None:
    """Patch the models of some services of many, with eight hands."""
    count = trial.choose(500, 30, name="services")
    part = trial.choose(200, 12, name="updated")
    async with living(trial, count) as alive:
        bed, follower, names = alive.bed, alive.follower, alive.names[:part]
        bed.audit.skip()

        async def update(name: Name) -> None:
            models = service(name, model="model-2")["spec"]["models"]
            await bed.user.object(
                "PATCH", name.path, body={"spec": {"models": models}}, content_type=MERGE
            )

        began = time.time()
        await load.together(names, update, concurrency=8)
        ready = await follower.until(
            every((name.name for name in names), follower.ready[2]), seconds=PATIENCE
        )
        ours = [entry for entry in await bed.settled() if entry.user == OPERATOR]
        flaps = follower.flaps
    made: dict[str, dict[str, float]] = {}
    changed: set[tuple[str, str]] = set()
    for entry in ours:
        if burst.purpose(entry) != "children":
            continue
        changed.add((entry.resource, entry.name))
        if entry.code == 201 and entry.resource in NEW:
            made.setdefault(service_of(entry.name), {})[entry.resource] = entry.answered
    late = [name.name for name in names if len(made.get(name.name, {})) < len(NEW)]
    if late:
        raise ValueError(f"{len(late)} services got no new revision, {late[0]} among them")
    ends = {name: max(times.values()) for name, times in made.items()}
    for name, end in sorted(ends.items()):
        trial.row(
            "updates", service=name, changed_s=end - began, ready_s=follower.ready[2][name] - began
        )
    asked = Counter((e.resource, e.subresource, e.verb) for e in ours if e.writes or e.reads)
    for (resource, subresource, verb), requested in sorted(asked.items()):
        trial.row(
            "requests", resource=resource, subresource=subresource, verb=verb, count=requested
        )
    requests = burst.requests(ours)
    writes = requests["children"] + requests["status"]
    trial.measure("changed", max(ends.values()) - began)
    trial.measure("ready", ready - began)
    trial.measure("beyond", (writes - len(changed)) / part)
    trial.measure("children", len(changed) / part)
    trial.measure("writes", writes / part)
    trial.measure("reads", requests["reads"] / part)
    trial.measure("flaps", flaps)


SCENARIO = Scenario(
    "update",
    "200 of 500 live services get a new model, on the whole control plane.",
    FIGURES,
    run,
    minutes=3,
    order=30,
)
