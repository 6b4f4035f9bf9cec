"""Many services are deleted at once; the garbage collector clears up."""

import asyncio
import time

from e2e.bench import burst, load
from e2e.bench.bed import OPERATOR, Bed
from e2e.bench.figure import Figure
from e2e.bench.objects import Name
from e2e.bench.population import living
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import CHILDREN, OURS

FIGURES = (
    Figure("gone", "all children gone after", unit="s", at_most=10.0),
    Figure("bare", "the same while no operator runs", unit="s"),
    Figure("orphans", "children left over", at_most=0.0),
    Figure("writes", "writes of the operator meanwhile"),
)
PATIENCE = 300.0


async def run(trial: Trial) -> None:
    """With the operator, and for comparison without one."""
    count = trial.choose(500, 30, name="services")
    for side in ("bare", "gone"):
        async with living(trial, count) as alive:
            bed = alive.bed
            if side == "bare":
                alive.operator.terminate()
                alive.operator.wait()
            bed.audit.skip()
            began = time.time()

            async def delete(name: Name) -> None:
                await bed.user.send("DELETE", name.path)  # noqa: B023 - used up in this turn

            await load.together(alive.names, delete, concurrency=8)
            deleted = time.time()
            left = await _gone(bed)
            seconds = time.time() - began
            requests = burst.requests([e for e in await bed.settled() if e.user == OPERATOR])
        writes = sum(requests[kind] for kind in ("children", "status", "events"))
        trial.row(
            "deletions",
            side=side,
            services=count,
            accepted_s=deleted - began,
            gone_s=seconds,
            left=left,
            writes=writes,
        )
        trial.measure(side, seconds)
        if side == "gone":
            trial.measure("orphans", left)
            trial.measure("writes", writes)


async def _gone(bed: Bed) -> int:
    """Wait until no child is left; how many are after a long time."""
    deadline = time.time() + PATIENCE
    selector = OURS.replace("=", "%3D")
    for kind in CHILDREN:
        path = f"{kind.collection()}?limit=1&labelSelector={selector}"
        while (await bed.user.object("GET", path))["items"]:
            if time.time() > deadline:
                return len(await bed.user.list(kind.collection(), selector=selector))
            await asyncio.sleep(0.2)
    return 0


SCENARIO = Scenario(
    "deletion",
    "500 live services are deleted at once, on the whole control plane.",
    FIGURES,
    run,
    minutes=4,
    order=37,
)
