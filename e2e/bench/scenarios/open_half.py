"""What a user waits for while the machine is half busy: the whole control plane."""

from e2e.bench import opened
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import MODEL_SERVICE

FIGURES = (
    Figure("p50", "latency p50", unit="ms", at_most=300.0),
    Figure("p90", "latency p90", unit="ms"),
    Figure("p99", "latency p99", unit="ms", at_most=1000.0),
    Figure("bare_p50", "the bare client at the same rate, p50", unit="ms"),
    Figure("bare_p90", "the bare client at the same rate, p90", unit="ms"),
    Figure("bare_p99", "the bare client at the same rate, p99", unit="ms"),
    Figure("rate", "rate: half of the bare client's in a closed loop", unit="services/s"),
)


async def run(trial: Trial) -> None:
    """The bare client's rate first, then an open loop of each at half of it."""
    seconds = trial.choose(60.0, 8.0, name="seconds")
    template = await trial.template()
    async with trial.bed() as bed:
        count = trial.choose(200, 30)
        await opened.capacity(
            bed, template=template, count=20, concurrency=trial.shared.hands, prefix="warm"
        )
        most = await opened.capacity(
            bed, template=template, count=count, concurrency=trial.shared.hands
        )
    trial.measure("rate", most / 2)
    async with trial.bed() as bed:
        await opened.capacity(
            bed, template=template, count=20, concurrency=trial.shared.hands, prefix="warm"
        )
        bare = await opened.by_client(
            bed, template=template, rate=most / 2, seconds=seconds, prefix="svc"
        )
    async with trial.bed() as bed, following(bed.user, MODEL_SERVICE) as follower:
        operator = bed.operator(fresh=True)
        operator.wait_ready()
        await opened.by_operator(bed, follower, rate=5.0, seconds=4.0, prefix="warm")
        ours = await opened.by_operator(bed, follower, rate=most / 2, seconds=seconds, prefix="svc")
    for opened_loop, prefix in ((bare, "bare_"), (ours, "")):
        opened.keep(trial, opened_loop)
        opened.measure(trial, opened_loop, prefix=prefix)


SCENARIO = Scenario(
    "open-half",
    "Services are created at half of the bare client's rate, on the whole control plane.",
    FIGURES,
    run,
    minutes=4,
    order=20,
)
