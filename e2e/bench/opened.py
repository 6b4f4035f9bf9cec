"""Open loops: services are created at a rate, and each is timed from when it was to be sent.

A service is done when all of its children were written and its status speaks of its generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from e2e.bench import bare, load
from e2e.bench.bed import OPERATOR, Bed
from e2e.bench.burst import progress
from e2e.bench.follow import Follower, every
from e2e.bench.objects import Name, Template, batch
from e2e.bench.sample import percentile
from e2e.bench.trial import Trial

PERCENTILES = (50, 90, 99)
PATIENCE = 300.0


@dataclass(frozen=True)
class Opened:
    """Latencies in seconds, a service each, in the order in which they were to be sent."""

    side: str
    rate: float
    latencies: Sequence[float]

    def at(self, q: float) -> float:
        """A percentile in milliseconds."""
        return 1000 * percentile(self.latencies, q)


async def by_operator(
    bed: Bed, follower: Follower, *, rate: float, seconds: float, prefix: str
) -> Opened:
    """Users create services at a rate; the operator does the rest. `follower` sees services."""
    names = batch(max(1, round(rate * seconds)), prefix=prefix)
    bed.audit.skip()

    async def one(name: Name) -> None:
        await bare.create(bed.user, name)

    intended = await load.paced(names, one, rate=rate)
    told = follower.told[1]
    await follower.until(every((name.name for name in names), told), seconds=PATIENCE)
    entries = await bed.settled(quiet=2.0)
    children, _ = progress([entry for entry in entries if entry.user == OPERATOR])
    ends = {name: max(children[name.name], told[name.name]) for name in names}
    return Opened("ours", rate, _since(intended, ends))


async def by_client(
    bed: Bed, *, template: Template, rate: float, seconds: float, prefix: str
) -> Opened:
    """The same, written by the bare client."""
    names = batch(max(1, round(rate * seconds)), prefix=prefix)
    ends: dict[Name, float] = {}

    async def one(name: Name) -> None:
        uid = await bare.create(bed.user, name)
        await bare.write(bed.writer, name, uid=uid, template=template)
        ends[name] = load.now()

    intended = await load.paced(names, one, rate=rate)
    return Opened("bare", rate, _since(intended, ends))


async def capacity(
    bed: Bed, *, template: Template, count: int, concurrency: int, prefix: str = "bare"
) -> float:
    """Services a second that the bare client can write on this bed, in a closed loop."""
    names = batch(count, prefix=prefix)
    began = load.now()
    await bare.burst(
        names, user=bed.user, writer=bed.writer, template=template, concurrency=concurrency
    )
    return count / (load.now() - began)


def keep(trial: Trial, run: Opened) -> None:
    """Keep the raw rows of a run, and tell its percentiles."""
    for number, latency in enumerate(run.latencies):
        trial.row(
            "latencies",
            side=run.side,
            rate=round(run.rate, 2),
            sent_s=round(number / run.rate, 3),
            latency_ms=round(1000 * latency, 1),
        )
    text = ", ".join(f"p{q} {run.at(q):.0f} ms" for q in PERCENTILES)
    trial.tell(f"{run.side}, {run.rate:.3g} services/s: {text}")


def measure(trial: Trial, run: Opened, *, prefix: str = "") -> None:
    """Its percentiles as figures `p50`, `p90`, `p99`."""
    for q in PERCENTILES:
        trial.measure(f"{prefix}p{q}", run.at(q))


def _since(intended: Mapping[Name, float], ends: Mapping[Name, float]) -> list[float]:
    return [ends[name] - at for name, at in intended.items()]
