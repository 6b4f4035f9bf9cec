"""The operator is ended and started again among live services."""

import asyncio
import time

from e2e.bench import burst, load
from e2e.bench.bed import OPERATOR
from e2e.bench.figure import Figure
from e2e.bench.population import ELECTED, living
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from e2e.rig.operators import Operator

# The operator compares its store with lists again half a minute after a start.
WATCHED = 40.0
PATIENCE = 120.0
SERVICES = 500

FIGURES = (
    Figure("writes", "writes in the 40 s after the start", at_most=0.0),
    Figure("caught_up", "caught up after", unit="s", at_most=2.0 + 0.002 * SERVICES),
    Figure("ready", "ready to lead after", unit="s"),
    Figure("cpu", "CPU of the operator in the 40 s after the start", unit="s"),
    Figure("reads", "list requests after the start"),
    Figure("memory", "memory then", unit="MiB"),
)


async def run(trial: Trial) -> None:
    """Several times: SIGTERM, a new process, and what it does."""
    count = trial.choose(SERVICES, 30, name="services")
    async with living(trial, count) as alive:
        bed, operator = alive.bed, alive.operator
        for number in range(trial.choose(3, 1, name="restarts")):
            operator.terminate()
            operator.wait()
            bed.audit.skip()
            began = time.time()
            operator = bed.operator(arguments=ELECTED, fresh=True)
            ready, done = await _caught_up(operator, count=count)
            await asyncio.sleep(began + trial.choose(WATCHED, 10.0) - time.time())
            requests = burst.requests([e for e in bed.audit.entries() if e.user == OPERATOR])
            writes = sum(requests[kind] for kind in ("children", "status", "events"))
            memory = operator.rss_bytes() / 2**20
            trial.row(
                "restarts",
                number=number,
                services=count,
                ready_s=ready - began,
                caught_up_s=done - began,
                writes=writes,
                reads=requests["reads"],
                cpu_s=operator.cpu_seconds(),
                memory_mib=memory,
            )
            trial.measure("writes", writes)
            trial.measure("caught_up", done - began)
            trial.measure("ready", ready - began)
            trial.measure("cpu", operator.cpu_seconds())
            trial.measure("reads", requests["reads"])
            trial.measure("memory", memory)


async def _caught_up(operator: Operator, *, count: int) -> tuple[float, float]:
    """When it was ready to lead, and when it had looked at each service once."""
    ready = await load.until(lambda: operator.ready, interval=0.02, seconds=PATIENCE)
    done = await load.until(lambda: _passes(operator) >= count, interval=0.05, seconds=PATIENCE)
    return ready, done


def _passes(operator: Operator) -> float:
    name = "modelservice_reconciles_total"
    samples = operator.metrics().items()
    return sum(v for key, v in samples if key.startswith(name) and 'result="ok"' in key)


SCENARIO = Scenario(
    "restart",
    "The operator of 500 live services is started again, on the whole control plane.",
    FIGURES,
    run,
    minutes=5,
    order=31,
)
