"""Nothing happens."""

import asyncio

from e2e.bench import burst
from e2e.bench.bed import OPERATOR
from e2e.bench.figure import Figure
from e2e.bench.population import living
from e2e.bench.processes import Usage
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial

FIGURES = (
    Figure("writes", "writes (but the Lease's renewals)", at_most=0.0),
    Figure("cpu", "CPU of the operator", unit="% of a core", at_most=1.0),
    Figure("reads", "list requests"),
)


async def run(trial: Trial) -> None:
    """Look on, a minute at a time."""
    count = trial.choose(1000, 30, name="services")
    minutes = trial.choose(10, 1, name="minutes")
    length = trial.choose(60.0, 15.0)
    writes = reads = 0
    async with living(trial, count) as alive:
        bed = alive.bed
        pids = bed.pids(alive.operator)
        bed.audit.skip()
        first = before = Usage.of(pids)
        for minute in range(minutes):
            await asyncio.sleep(length)
            now = Usage.of(pids)
            requests = burst.requests([e for e in bed.audit.entries() if e.user == OPERATOR])
            written = sum(requests[kind] for kind in ("children", "status", "events"))
            trial.row(
                "minutes",
                minute=minute,
                writes=written,
                reads=requests["reads"],
                leases=requests["leases"],
                **{f"cpu_{name}": seconds for name, seconds in now.since(before).items()},
            )
            writes, reads, before = writes + written, reads + requests["reads"], now
    used = before.since(first)["operator"]
    trial.measure("writes", writes)
    trial.measure("reads", reads)
    trial.measure("cpu", 100 * used / (minutes * length))


SCENARIO = Scenario(
    "idle",
    "1,000 Ready services are left alone for ten minutes, on the whole control plane.",
    FIGURES,
    run,
    minutes=12,
    order=32,
)
