"""The API server dies amid creations, and comes back."""

import asyncio
import time

import aiohttp

from e2e.bench import bare, load
from e2e.bench.figure import Figure
from e2e.bench.follow import every, following
from e2e.bench.objects import Name, batch
from e2e.bench.population import ELECTED
from e2e.bench.scenario import Scenario
from e2e.bench.session import Refused
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import DEPLOYMENT, MODEL_SERVICE

GONE = 12.0
PATIENCE = 300.0

FIGURES = (
    Figure("ready", "all Ready after the API server is back", unit="s", at_most=8.0),
    Figure("told", "all children written, and a status of each, after it is back", unit="s"),
    Figure("available", "all Deployments available after it is back", unit="s"),
    Figure("created", "all creations accepted after it is back", unit="s"),
    Figure("gone", "how long nobody answered", unit="s"),
    Figure("exits", "unexpected ends of the operator", at_most=0.0),
)


async def run(trial: Trial) -> None:
    """Create ten services a second; kill the API server half-way; users try again as they do."""
    count = trial.choose(100, 30, name="services")
    for number in range(trial.choose(3, 1, name="outages")):
        async with (
            trial.bed() as bed,
            following(bed.user, MODEL_SERVICE, DEPLOYMENT) as follower,
        ):
            operator = bed.operator(arguments=ELECTED, fresh=True)
            operator.wait_ready()
            accepted: dict[str, float] = {}

            async def insist(name: Name) -> None:
                while True:
                    try:
                        await bare.create(bed.user, name)
                    except Refused as refused:
                        if refused.status == 409:  # it was accepted, and the answer lost
                            break
                    except (aiohttp.ClientError, OSError):
                        pass
                    else:
                        break
                    await asyncio.sleep(0.5)
                accepted[name.name] = time.time()  # noqa: B023

            names = batch(count)
            creating = asyncio.create_task(load.paced(names, insist, rate=10.0))
            await asyncio.sleep(count / 20)
            bed.rig.plane.kill()
            killed = time.time()
            await asyncio.sleep(trial.choose(GONE, 4.0))
            bed.rig.plane.restart()
            back = time.time()
            await creating
            ready = await follower.until(
                every((name.name for name in names), follower.ready[1]), seconds=PATIENCE
            )
            available = max(follower.available.values(), default=back)
            found = {
                "ready": ready - back,
                "told": max(follower.told[1].values()) - back,
                "available": available - back,
                "created": max(accepted.values()) - back,
                "gone": back - killed,
                "exits": float(not operator.alive),
            }
        trial.row("outages", number=number, services=count, **found)
        for name, value in found.items():
            trial.measure(name, value)


SCENARIO = Scenario(
    "outage",
    "The API server is killed amid 100 creations and started 12 s later.",
    FIGURES,
    run,
    minutes=4,
    order=33,
)
