"""From the start of the process to its first write."""

import asyncio
import time

from e2e.bench import bare
from e2e.bench.bed import OPERATOR
from e2e.bench.burst import purpose
from e2e.bench.figure import Figure
from e2e.bench.objects import batch
from e2e.bench.population import ELECTED
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial

FIGURES = (
    Figure("first", "start to the first reconcile's write", unit="s", at_most=2.0),
    Figure("cpu", "CPU until then", unit="s"),
)
PATIENCE = 60.0


async def run(trial: Trial) -> None:
    """A new interpreter each time, with a new service that waits for it."""
    async with trial.bed(controllers=False) as bed:
        for number in range(trial.choose(7, 2, name="starts")):
            await bare.create(bed.user, batch(1, prefix=f"waits{number}x")[0])
            bed.audit.skip()
            began = time.time()
            operator = bed.operator(arguments=ELECTED, fresh=True)
            first = 0.0
            async with asyncio.timeout(PATIENCE):
                while not first:
                    await asyncio.sleep(0.02)
                    times = [
                        entry.received
                        for entry in bed.audit.entries()
                        if entry.user == OPERATOR and purpose(entry) == "children"
                    ]
                    first = min(times, default=0.0)
            used = operator.cpu_seconds()
            trial.row("starts", number=number, first_write_s=first - began, cpu_s=used)
            trial.measure("first", first - began)
            trial.measure("cpu", used)
            operator.terminate()
            operator.wait()


SCENARIO = Scenario(
    "start",
    "The operator is started while a service waits for it.",
    FIGURES,
    run,
    minutes=1,
    order=35,
)
