"""75 services a second for ten seconds: the operator and the API server alone."""

from e2e.bench import opened
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.processes import Usage
from e2e.bench.scenario import Scenario
from e2e.bench.stub import playing
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import MODEL_SERVICE

FIGURES = (
    Figure("p50", "latency p50", unit="ms", at_most=300.0),
    Figure("p90", "latency p90", unit="ms", at_most=300.0),
    Figure("p99", "latency p99", unit="ms", at_most=500.0),
    Figure("bare_p50", "the bare client at the same rate, p50", unit="ms"),
    Figure("bare_p90", "the bare client at the same rate, p90", unit="ms"),
    Figure("bare_p99", "the bare client at the same rate, p99", unit="ms"),
    Figure("capacity", "the bare client's rate in a closed loop", unit="services/s"),
)


async def run(trial: Trial) -> None:
    """Pairs of the bare client and the operator, each on a fresh API server."""
    rate = trial.choose(75.0, 10.0, name="services/s")
    seconds = trial.choose(10.0, 3.0, name="seconds")
    template = await trial.template()
    for _ in range(trial.choose(3, 1, name="pairs")):
        async with trial.bed(controllers=False) as bed:
            most = await opened.capacity(
                bed, template=template, count=trial.choose(200, 30), concurrency=trial.shared.hands
            )
            trial.measure("capacity", most)
            async with playing(bed.user):
                bare = await opened.by_client(
                    bed, template=template, rate=rate, seconds=seconds, prefix="svc"
                )
        async with (
            trial.bed(controllers=False) as bed,
            playing(bed.user),
            following(bed.user, MODEL_SERVICE) as follower,
        ):
            operator = bed.operator(fresh=True)
            operator.wait_ready()
            await opened.by_operator(bed, follower, rate=10.0, seconds=3.0, prefix="warm")
            pids = bed.pids(operator)
            before = Usage.of(pids)
            ours = await opened.by_operator(bed, follower, rate=rate, seconds=seconds, prefix="svc")
            used = Usage.of(pids).since(before)
        trial.row("cpu", **used)
        for loop, prefix in ((bare, "bare_"), (ours, "")):
            opened.keep(trial, loop)
            opened.measure(trial, loop, prefix=prefix)


SCENARIO = Scenario(
    "open-75",
    "75 services a second are created for 10 s, with a stub in place of all controllers.",
    FIGURES,
    run,
    minutes=4,
    order=21,
)
