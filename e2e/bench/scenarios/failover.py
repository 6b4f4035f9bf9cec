"""The leader is killed; another replica takes over."""

import asyncio
import contextlib
import time

from e2e.bench import bare, load
from e2e.bench.bed import OPERATOR, Bed
from e2e.bench.burst import purpose
from e2e.bench.figure import Figure
from e2e.bench.objects import batch
from e2e.bench.population import ELECTED
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from e2e.rig.operators import Operator

FIGURES = (Figure("first", "the new leader's first write after", unit="s", at_most=15.0),)
PATIENCE = 60.0
# A leader dies at any time between two renewals of its lease.
STEPS = (0.3, 0.7, 1.1, 1.5, 1.9)


async def run(trial: Trial) -> None:
    """Kill the leader some time after a renewal, with a service that waits to be served."""
    async with trial.bed(controllers=False) as bed:
        operators = [bed.operator(arguments=ELECTED) for _ in range(2)]
        for operator in operators:
            operator.wait_ready()
        for number, delay in enumerate(trial.choose(STEPS, STEPS[:1])):
            leader = await _leader(operators)
            await _renewal(bed)
            await asyncio.sleep(delay)
            bed.audit.skip()
            leader.kill()
            killed = time.time()
            await bare.create(bed.user, batch(1, prefix=f"waits{number}x")[0])
            first = await _first_write(bed, since=killed)
            operators.remove(leader)
            operators.append(bed.operator(arguments=ELECTED))
            operators[-1].wait_ready()
            trial.row("leaders", number=number, killed_after_s=delay, first_write_s=first - killed)
            trial.measure("first", first - killed)


async def _leader(operators: list[Operator]) -> Operator:
    async with asyncio.timeout(PATIENCE):
        while True:
            for operator in operators:
                with contextlib.suppress(OSError):
                    if operator.metrics().get("modelservice_leader") == 1.0:
                        return operator
            await asyncio.sleep(0.2)


async def _renewal(bed: Bed) -> None:
    """Return right after a renewal of the lease."""
    bed.audit.skip()
    await load.until(
        lambda: any(e.resource == "leases" and e.writes for e in bed.audit.entries()),
        interval=0.02,
        seconds=PATIENCE,
    )


async def _first_write(bed: Bed, *, since: float) -> float:
    async with asyncio.timeout(PATIENCE):
        while True:
            for entry in bed.audit.entries():
                ours = entry.user == OPERATOR and purpose(entry) in {"children", "status"}
                if ours and entry.received > since:
                    return entry.answered
            await asyncio.sleep(0.1)


SCENARIO = Scenario(
    "failover",
    "One of two operators, the one that leads, is killed.",
    FIGURES,
    run,
    minutes=3,
    order=34,
)
