"""Memory over the number of services, beside objects that are nobody's business here."""

import asyncio
import base64
import json
import os
from itertools import pairwise

from e2e.bench import load
from e2e.bench.bed import Bed
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.objects import NAMESPACES, batch
from e2e.bench.population import grow
from e2e.bench.sample import slope
from e2e.bench.scenario import Scenario
from e2e.bench.session import MERGE
from e2e.bench.stub import playing, running
from e2e.bench.trial import Trial
from e2e.rig.operators import Operator
from modelservice_operator.kube.kinds import MODEL_SERVICE

MIB = 2**20
POINTS = (0, 300, 1000, 3000, 5000)

FIGURES = (
    Figure("each", "memory a service", unit="kB", at_most=30.0),
    Figure("most", "memory with 5,000 services", unit="MiB", at_most=250.0),
    Figure("again", "the same after a start among them", unit="MiB", at_most=250.0),
    Figure("empty", "memory without a service", unit="MiB"),
    Figure("foreign", "what the foreign Secrets and pods add", unit="MiB"),
    Figure("at300", "memory with 300 services", unit="MiB"),
    Figure("at1000", "memory with 1,000 services", unit="MiB"),
    Figure("at3000", "memory with 3,000 services", unit="MiB"),
)


async def run(trial: Trial) -> None:
    """An operator that grows with its services, and one that is started among all of them."""
    points = trial.choose(POINTS, (0, 20, 60))
    async with trial.bed(controllers=False) as bed:
        alone = await _rss(bed, bed.operator(fresh=True), end=True)
        await _foreign(bed, secrets=trial.choose(300, 5), pods=trial.choose(5000, 50))
        operator = bed.operator(fresh=True)
        empty = await _rss(bed, operator)
        trial.measure("empty", alone / MIB)
        trial.measure("foreign", (empty - alone) / MIB)
        found = {0: empty}
        names = batch(points[-1])
        async with (
            following(bed.user, MODEL_SERVICE) as follower,
            playing(bed.user, pods=True),
        ):
            for below, count in pairwise(points):
                await grow(bed, follower, names[below:count])
                found[count] = await _rss(bed, operator)
                trial.tell(f"{count} services: {found[count] / MIB:.0f} MiB")
        operator.terminate()
        operator.wait()
        again = await _rss(bed, bed.operator(fresh=True))
    for count, size in found.items():
        trial.row("memory", services=count, bytes=size, start="grown")
        if f"at{count}" in trial.figures:
            trial.measure(f"at{count}", size / MIB)
    trial.row("memory", services=points[-1], bytes=again, start="anew")
    trial.measure("each", slope(list(found.items())) / 1000)
    trial.measure("most", found[points[-1]] / MIB)
    trial.measure("again", again / MIB)


async def _rss(bed: Bed, operator: Operator, *, end: bool = False) -> int:
    """Its resident memory once it has nothing left to do."""
    operator.wait_ready()
    await bed.settled()
    size = operator.rss_bytes()
    if end:
        operator.terminate()
        operator.wait()
    return size


async def _foreign(bed: Bed, *, secrets: int, pods: int) -> None:
    """Secrets of 1 MB and running pods that others made."""
    data = base64.b64encode(os.urandom(1_000_000)).decode()

    async def secret(number: int) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"foreign-{number}"},
            "data": {"data": data},
        }
        await bed.user.object("POST", f"/api/v1/namespaces/{_place(number)}/secrets", body=body)

    spec = {"nodeName": "node-0", "containers": [{"name": "main", "image": "main:1"}]}

    async def pod(number: int) -> None:
        name, path = f"foreign-{number}", f"/api/v1/namespaces/{_place(number)}/pods"
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "foreign"}},
            "spec": spec,
        }
        await bed.user.object("POST", path, body=body)
        status = json.dumps({"status": running(spec)}).encode()
        await bed.user.send("PATCH", f"{path}/{name}/status", body=status, content_type=MERGE)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.together(range(secrets), secret, concurrency=2))
        tasks.create_task(load.together(range(pods), pod, concurrency=8))


def _place(number: int) -> str:
    return NAMESPACES[number % len(NAMESPACES)]


SCENARIO = Scenario(
    "memory",
    "Up to 5,000 services beside 300 foreign Secrets of 1 MB and 5,000 foreign pods, "
    "with a stub for all controllers.",
    FIGURES,
    run,
    minutes=7,
    order=36,
)
