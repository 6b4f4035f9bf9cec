"""Services that live already when something is measured: made by the operator, all Ready."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from e2e.bench import burst
from e2e.bench.bed import Bed
from e2e.bench.follow import Follower, every, following
from e2e.bench.objects import Name, batch
from e2e.bench.trial import Trial
from e2e.rig.operators import Operator
from modelservice_operator.kube.kinds import MODEL_SERVICE

ELECTED = ("--leader-elect=true",)
EACH = 2.0  # seconds a service, after which growing is given up
SETUP = 120.0


@dataclass
class Population:
    """Live services on a whole control plane, and the operator that made them."""

    bed: Bed
    operator: Operator
    follower: Follower
    names: Sequence[Name]


@asynccontextmanager
async def living(trial: Trial, count: int) -> AsyncIterator[Population]:
    """`count` services that are Ready, with an operator that leads and has nothing left to do."""
    async with (
        trial.bed(nodes=burst.nodes(count)) as bed,
        following(bed.user, MODEL_SERVICE) as follower,
    ):
        operator = bed.operator(arguments=ELECTED, fresh=True)
        operator.wait_ready()
        names = batch(count)
        await grow(bed, follower, names)
        trial.tell(f"{count} services are Ready")
        yield Population(bed, operator, follower, names)


async def grow(bed: Bed, follower: Follower, names: Sequence[Name]) -> None:
    """Create services, and wait until they are Ready and nothing more is written."""
    await burst.create(bed, names)
    await follower.until(
        every((name.name for name in names), follower.ready[1]),
        seconds=SETUP + EACH * len(names),
    )
    await bed.settled()
