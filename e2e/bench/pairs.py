"""The scenario of a burst, for any size: a sweep of the bare client, then pairs."""

from e2e.bench import burst
from e2e.bench.burst import Burst
from e2e.bench.figure import Figure
from e2e.bench.objects import CHILDREN_EACH
from e2e.bench.sample import percentile
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial

# DESIGN: 15 ms for three children and 3 ms for each further one; 0 reads; one or two statuses.
CPU = 15.0 + 3.0 * (CHILDREN_EACH - 3)

SWEPT = 200
HANDS = "services that the bare client writes at a time"

FIGURES = (
    Figure("cpu", "CPU of the operator a new service", unit="ms", at_most=CPU),
    Figure(
        "machine", "CPU of all processes, ours ÷ the bare client's, until all pods are available"
    ),
    Figure("ratio", "our rate ÷ the bare client's for the same objects", at_least=0.9),
    Figure("writes", "writes a new service (children and status)", at_most=CHILDREN_EACH + 2.0),
    Figure("events", "Events posted a new service, besides"),
    Figure("reads", "reads a new service", at_most=0.0),
    Figure("lag50", "Ready after the pods are available, p50", unit="s", at_most=0.5),
    Figure("lag99", "Ready after the pods are available, p99", unit="s", at_most=2.0),
    Figure("podlag99", "Ready after the pod itself is ready, p99", unit="s"),
    Figure("rate", "our rate", unit="services/s"),
    Figure("bare", "the bare client's rate", unit="services/s"),
    Figure("ready", "all Ready after the first was sent", unit="s"),
    Figure("same", "writes of an operator started over the bare client's objects", at_most=0.0),
    Figure("flaps", "services that stopped being Ready", at_most=0.0),
)


def scenario(*, count: int, pairs: int, minutes: float, sweep: bool, quick: bool) -> Scenario:
    """A burst of `count`, measured `pairs` times; `sweep` finds out first how many services at a
    time the bare client is best at writing."""

    async def run(trial: Trial) -> None:
        size = trial.choose(count, min(count, 40), name="services")
        template = await trial.template()
        if sweep:
            hands = trial.choose(burst.SWEEP, (4, 16))
            trial.shared.hands = await burst.best(
                trial, min(size, SWEPT), template=template, sweep=hands
            )
        concurrency = trial.shared.hands
        trial.parameters[HANDS] = concurrency
        for pair in range(trial.choose(pairs, 1, name="pairs")):
            bare = await burst.by_client(
                trial, size, template=template, concurrency=concurrency, check=pair == 0
            )
            if pair == 0:
                trial.measure("same", bare.each("children") + bare.each("status"))
            ours = await burst.by_operator(trial, size)
            for side in (bare, ours):
                burst.keep(trial, pair, side)
            _measure(trial, ours=ours, bare=bare)
            trial.tell(
                f"pair {pair + 1}: {ours.rate:.1f} ÷ {bare.rate:.1f} services/s"
                f" = {ours.rate / bare.rate:.2f}"
            )

    name = f"burst-{count}"
    about = f"{count:,} services are created at once, on the whole control plane."
    return Scenario(name, about, FIGURES, run, minutes, order=_order(count), quick=quick)


def _order(count: int) -> int:
    return 1 if count == 500 else 60 + len(str(count))


def _measure(trial: Trial, *, ours: Burst, bare: Burst) -> None:
    trial.measure("ratio", ours.rate / bare.rate)
    trial.measure("cpu", 1000 * ours.operator_cpu / ours.count)
    trial.measure("machine", sum(ours.cpu.values()) / sum(bare.cpu.values()))
    trial.measure("writes", ours.each("children") + ours.each("status"))
    trial.measure("events", ours.each("events"))
    trial.measure("reads", ours.each("reads"))
    trial.measure("lag50", percentile(ours.lags.available, 50))
    trial.measure("lag99", percentile(ours.lags.available, 99))
    trial.measure("podlag99", percentile(ours.lags.pods, 99))
    trial.measure("rate", ours.rate)
    trial.measure("bare", bare.rate)
    trial.measure("ready", ours.available)
    trial.measure("flaps", ours.flaps)
