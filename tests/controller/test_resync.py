"""When what is swept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.resync import Sweeper
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.kinds import WATCHED, Kind
from modelservice_operator.metrics import Metrics

PERIOD = 0.2


class Empty:
    """A cluster without objects, which counts the lists of each kind."""

    def __init__(self) -> None:
        self.lists: Counter[str] = Counter()

    async def pages(self, kind: Kind) -> AsyncIterator[Any]:
        self.lists[kind.kind] += 1
        await asyncio.sleep(0)
        yield SimpleNamespace(resource_version="1", items=[])


async def test_everything_is_swept_in_time_though_one_watch_begins_again_and_again() -> None:
    """Each beginning put it off, and a watch of another kind that hung was never made good."""
    cluster, store = Empty(), Store()
    sweeper = Sweeper(
        client=cluster,  # type: ignore[arg-type]
        store=store,
        observer=Observer(store=store, enqueue=lambda *_, **__: None),
        metrics=Metrics(),
        period=PERIOD,
    )
    for kind in WATCHED:
        sweeper.ask(kind)
    sweeps = asyncio.create_task(sweeper.run())
    try:
        await sweeper.primed.wait()
        restless, *others = WATCHED
        for _ in range(40):
            sweeper.ask(restless)
            await asyncio.sleep(PERIOD / 10)
    finally:
        sweeps.cancel()

    assert cluster.lists[restless.kind] > 10
    assert {kind.kind for kind in others if cluster.lists[kind.kind] < 2} == set()
