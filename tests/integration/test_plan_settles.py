"""What the plan writes reads back as it was wanted: no default, canonical form or ordering of the
real API server looks like drift. Without this, a restart would write every child again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelservice_operator.controller.delta import delta
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.desired.plan import plan
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.kinds import CHILDREN
from modelservice_operator.view import Key
from tests.desired.test_plan import WORLDS
from tests.integration.engine import create_service, writer
from tests.world import PLATFORM, World


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
async def test_a_second_pass_writes_nothing(
    make: Callable[[], World], client: Client, namespace: str
) -> None:
    live = await create_service(client, namespace=namespace, name="svc")
    world = make()
    world.service["metadata"] |= {"namespace": namespace, "uid": live["metadata"]["uid"]}
    wanted = plan(world.look(), platform=PLATFORM, now=world.now)
    store = Store()
    store.put("ModelService", live)
    executor = Executor(client=client, writer=writer(client), store=store)
    outcome = await executor.execute(delta(wanted, live={}, namespace=namespace))
    assert outcome.complete, outcome
    assert outcome.applied == len(wanted)

    # a restart: nothing is known but what the API server lists
    fresh = Store()
    fresh.put("ModelService", live)
    for kind in CHILDREN:
        for item in (await client.request("GET", kind.collection(namespace), kind=kind.kind))[
            "items"
        ]:
            fresh.put(kind.kind, item)
    children = fresh.view(Key(namespace=namespace, name="svc")).children
    own = [child for child in wanted if child.kind != "ModelVersion"]
    assert len(children) == len(own)
    change = delta(own, live=children, namespace=namespace)
    assert not change, change
