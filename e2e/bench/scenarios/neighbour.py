"""What a burst does to somebody else's requests."""

import asyncio

from e2e.bench import bare, burst, neighbour
from e2e.bench.bed import NEIGHBOUR, Bed
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.objects import NAMESPACES, batch
from e2e.bench.sample import percentile
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import DEPLOYMENT, MODEL_SERVICE

FIGURES = (
    Figure("get", "their GET in our burst, p99", unit="ms"),
    Figure("get_bare", "in the bare client's burst", unit="ms"),
    Figure("get_quiet", "without a burst", unit="ms"),
    Figure("patch", "their PATCH in our burst, p99", unit="ms"),
    Figure("patch_bare", "in the bare client's burst", unit="ms"),
    Figure("patch_quiet", "without a burst", unit="ms"),
)
WARM = 20
RATE = 20.0  # requests a second


async def run(trial: Trial) -> None:
    """Quiet, a burst of the bare client, a burst of the operator: a few times."""
    count = trial.choose(200, 20, name="services")
    template = await trial.template()
    for number in range(trial.choose(3, 1, name="times")):
        async with trial.bed() as bed, _beside(bed) as found:
            await asyncio.sleep(trial.choose(20.0, 6.0))
        _keep(trial, number, "quiet", found)
        async with trial.bed() as bed, following(bed.user, DEPLOYMENT) as follower:
            await burst.write(
                bed, batch(WARM, prefix="warm"), template=template, concurrency=trial.shared.hands
            )
            async with _beside(bed) as found:
                await bare.burst(
                    batch(count),
                    user=bed.user,
                    writer=bed.writer,
                    template=template,
                    concurrency=trial.shared.hands,
                )
                await follower.until(lambda: len(follower.available) >= WARM + count, seconds=600)
        _keep(trial, number, "bare", found)
        async with trial.bed() as bed, following(bed.user, MODEL_SERVICE) as follower:
            operator = bed.operator(fresh=True)
            operator.wait_ready()
            await burst.create(bed, batch(WARM, prefix="warm"))
            await follower.until(lambda: len(follower.ready[1]) >= WARM, seconds=120)
            async with _beside(bed) as found:
                await burst.create(bed, batch(count))
                await follower.until(lambda: len(follower.ready[1]) >= WARM + count, seconds=600)
        _keep(trial, number, "ours", found)


def _beside(bed: Bed) -> neighbour.Beside:
    kubeconfig = bed.account(NEIGHBOUR)
    return neighbour.beside(kubeconfig, namespace=NAMESPACES[0], rate=RATE)


def _keep(trial: Trial, number: int, side: str, found: list[tuple[str, float]]) -> None:
    suffix = "" if side == "ours" else f"_{side}"
    for verb in ("GET", "PATCH"):
        values = [ms for kind, ms in found if kind == verb]
        points = {f"p{q}_ms": round(percentile(values, q), 1) for q in (50, 90, 99)}
        trial.row("latencies", number=number, side=side, verb=verb, requests=len(values), **points)
        trial.measure(f"{verb.lower()}{suffix}", points["p99_ms"])
        trial.tell(f"{side}, {verb}: {points}")


SCENARIO = Scenario(
    "neighbour",
    "Somebody else sends 20 requests a second during a burst of 200, on the whole control plane.",
    FIGURES,
    run,
    minutes=5,
    order=40,
)
