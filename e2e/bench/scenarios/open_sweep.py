"""Latency over rate, up to the rate at which the machine can do no more."""

from e2e.bench import opened
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.scenario import Scenario
from e2e.bench.stub import playing
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import MODEL_SERVICE

RATES = (1, 2, 5, 10, 20, 30, 40, 50, 60, 75, 100)
KNEE = 300.0  # ms

FIGURES = (
    Figure("knee", "highest rate with p90 ≤ 300 ms", unit="services/s"),
    Figure("bare_knee", "the same for the bare client", unit="services/s"),
)


async def run(trial: Trial) -> None:
    """Each rate by the bare client and by the operator, each of the two on one API server."""
    rates = trial.choose(RATES, (2, 10))
    seconds = trial.choose(10.0, 3.0, name="seconds a rate")
    template = await trial.template()
    good: dict[str, float] = {"bare": 0.0, "ours": 0.0}
    async with trial.bed(controllers=False) as bed, playing(bed.user):
        for rate in rates:
            run = await opened.by_client(
                bed, template=template, rate=rate, seconds=seconds, prefix=f"at{rate}x"
            )
            _keep(trial, run, good=good)
    async with (
        trial.bed(controllers=False) as bed,
        playing(bed.user),
        following(bed.user, MODEL_SERVICE) as follower,
    ):
        operator = bed.operator(fresh=True)
        operator.wait_ready()
        for rate in rates:
            run = await opened.by_operator(
                bed, follower, rate=rate, seconds=seconds, prefix=f"at{rate}x"
            )
            _keep(trial, run, good=good)
    trial.measure("knee", good["ours"])
    trial.measure("bare_knee", good["bare"])


def _keep(trial: Trial, run: opened.Opened, *, good: dict[str, float]) -> None:
    points = {f"p{q}_ms": round(run.at(q), 1) for q in opened.PERCENTILES}
    trial.row("rates", side=run.side, rate=run.rate, services=len(run.latencies), **points)
    trial.tell(f"{run.side}, {run.rate:g} services/s: {points}")
    if run.at(90) <= KNEE:
        good[run.side] = max(good[run.side], run.rate)


SCENARIO = Scenario(
    "open-sweep",
    "Services are created at 1 to 100 a second, 10 s each, with a stub for all controllers.",
    FIGURES,
    run,
    minutes=7,
    order=22,
)
