"""Watch and sweeps against a real API server: what changes is seen, also after an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from e2e.cluster.controlplane import ControlPlane
from e2e.rig.plane import install_crds
from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.queue import Lane
from modelservice_operator.controller.resync import Sweeper
from modelservice_operator.controller.store import Store
from modelservice_operator.controller.supervise import supervise
from modelservice_operator.controller.watch import Watch
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.kinds import BY_NAME, MODEL_SERVICE
from modelservice_operator.metrics import Metrics
from modelservice_operator.view import Key
from tests.integration.children import KINDS, child, foreign
from tests.integration.engine import connected, create_service, eventually, post, remove, writer


@dataclass
class Engine:
    """The observing half of a replica."""

    client: Client
    store: Store = field(default_factory=Store)
    metrics: Metrics = field(default_factory=Metrics)
    asked: list[tuple[Key, Lane]] = field(default_factory=list)
    ends: int = 0

    def __post_init__(self) -> None:
        self.observer = Observer(store=self.store, enqueue=self._enqueue)
        self.sweeper = Sweeper(
            client=self.client,
            store=self.store,
            observer=self.observer,
            metrics=self.metrics,
            period=600.0,
        )
        self.watch = Watch(
            client=self.client,
            observer=self.observer,
            metrics=self.metrics,
            listed=self.sweeper.ask,
            started=lambda: None,
        )

    def _enqueue(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        self.asked.append((key, lane))

    def lanes(self, key: Key) -> list[Lane]:
        """The lanes in which a service was asked for, in order."""
        return [lane for asked, lane in self.asked if asked == key]

    async def _run(self) -> None:
        try:
            await self.watch.run()
        finally:
            self.ends += 1

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(supervise(self._run, name="the watch")),
            asyncio.create_task(self.sweeper.run()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.fixture
async def engine(client: Client) -> Engine:
    return Engine(client)


async def test_a_sweep_sees_a_service_and_all_that_it_owns(
    engine: Engine, client: Client, namespace: str
) -> None:
    service = await create_service(client, namespace=namespace)
    for kind in KINDS:
        manifest = child(kind, namespace=namespace, uid=service["metadata"]["uid"])
        await writer(client).create(BY_NAME[kind], manifest=manifest)

    await engine.sweeper.sweep()

    view = engine.store.view(Key(namespace, "digits"))
    assert view.service is not None
    assert view.service["metadata"]["uid"] == service["metadata"]["uid"]
    assert set(view.children) == {(kind, "digits") for kind in KINDS}
    assert Lane.NORMAL in engine.lanes(Key(namespace, "digits"))


async def test_a_second_sweep_of_the_same_asks_for_nothing(
    engine: Engine, client: Client, namespace: str
) -> None:
    service = await create_service(client, namespace=namespace)
    await post(client, child("ConfigMap", namespace=namespace, uid=service["metadata"]["uid"]))
    await engine.sweeper.sweep()
    engine.asked.clear()

    await engine.sweeper.sweep()

    assert engine.lanes(Key(namespace, "digits")) == []


async def test_a_sweep_finds_what_vanished_unseen(
    engine: Engine, client: Client, namespace: str
) -> None:
    service = await create_service(client, namespace=namespace)
    manifest = child("ConfigMap", namespace=namespace, uid=service["metadata"]["uid"])
    await post(client, manifest)
    await engine.sweeper.sweep()
    await remove(client, BY_NAME["ConfigMap"], namespace=namespace, name="digits")
    engine.asked.clear()

    await engine.sweeper.sweep()

    assert engine.store.view(Key(namespace, "digits")).children == {}
    assert engine.lanes(Key(namespace, "digits")) == [Lane.SHORT]


async def test_objects_of_others_are_not_kept(
    engine: Engine, client: Client, namespace: str
) -> None:
    """Not listed for want of our label; not kept for want of our owner."""
    await post(client, foreign("ConfigMap", namespace=namespace))
    stray = child("Service", namespace=namespace)
    del stray["metadata"]["ownerReferences"]
    await post(client, stray)

    await engine.sweeper.sweep()

    assert engine.lanes(Key(namespace, "digits")) == []


async def test_the_watch_tells_of_every_change(
    engine: Engine, client: Client, namespace: str
) -> None:
    key = Key(namespace, "digits")
    async with engine.watching():
        service = await create_service(client, namespace=namespace)
        await eventually(lambda: engine.store.view(key).service is not None)
        uid = service["metadata"]["uid"]
        for kind in KINDS:
            await writer(client).create(
                BY_NAME[kind], manifest=child(kind, namespace=namespace, uid=uid)
            )
        await eventually(lambda: len(engine.store.view(key).children) == len(KINDS))
        for kind in KINDS:
            await remove(client, BY_NAME[kind], namespace=namespace, name="digits")
        await eventually(lambda: not engine.store.view(key).children)
        await remove(client, MODEL_SERVICE, namespace=namespace, name="digits")
        await eventually(lambda: engine.store.view(key).service is None)
    lanes = engine.lanes(key)
    assert (lanes[0], lanes[-1]) == (Lane.NORMAL, Lane.NORMAL)  # made, and gone
    assert set(lanes[1:-1]) == {Lane.SHORT}


async def test_what_was_there_before_the_watch_is_listed_once(
    engine: Engine, client: Client, namespace: str
) -> None:
    """By the sweep, and not by kopf, which would hold a whole list of every kind at a time."""
    key = Key(namespace, "digits")
    service = await create_service(client, namespace=namespace)
    await post(client, child("ConfigMap", namespace=namespace, uid=service["metadata"]["uid"]))

    async with engine.watching():
        await engine.sweeper.primed.wait()
        assert len(engine.store.view(key).children) == 1
        await post(client, child("Service", namespace=namespace, uid=service["metadata"]["uid"]))
        await eventually(lambda: len(engine.store.view(key).children) == 2)

    seen = {
        sample.labels["kind"]: sample.value
        for metric in engine.metrics.events.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert seen["ModelService"] == 0
    assert seen["Service"] == 1


async def test_what_vanished_while_nobody_watched_is_noticed_when_somebody_does_again(
    mortal: Engine, mortal_plane: ControlPlane
) -> None:
    key = Key("default", "first")
    async with mortal.watching():
        await sees(mortal, "first")
    await remove(mortal.client, MODEL_SERVICE, namespace="default", name="first")

    async with mortal.watching():
        await eventually(lambda: mortal.store.view(key).service is None)


async def test_a_service_made_again_starts_from_nothing(
    engine: Engine, client: Client, namespace: str
) -> None:
    key = Key(namespace, "digits")
    async with engine.watching():
        old = await create_service(client, namespace=namespace)
        await post(client, child("ConfigMap", namespace=namespace, uid=old["metadata"]["uid"]))
        await eventually(lambda: bool(engine.store.view(key).children))
        await remove(client, MODEL_SERVICE, namespace=namespace, name="digits")
        new = await create_service(client, namespace=namespace)
        await eventually(lambda: uid_of(engine.store, key) == new["metadata"]["uid"])
    assert engine.store.view(key).children == {}


def uid_of(store: Store, key: Key) -> str | None:
    service = store.view(key).service
    return service["metadata"]["uid"] if service is not None else None


async def test_nobody_elses_task_ends_with_a_run_of_the_watch(
    engine: Engine, client: Client, namespace: str
) -> None:
    """kopf.operator() cancels all tasks that are younger than itself when it ends."""
    key = Key(namespace, "digits")
    async with engine.watching():
        await create_service(client, namespace=namespace)
        await eventually(lambda: engine.store.view(key).service is not None)
        bystander = asyncio.create_task(asyncio.Event().wait())
    assert not bystander.done()
    bystander.cancel()


async def test_a_run_leaves_no_task_behind(engine: Engine, client: Client, namespace: str) -> None:
    before = asyncio.all_tasks()
    key = Key(namespace, "digits")

    async with engine.watching():
        await create_service(client, namespace=namespace)
        await eventually(lambda: engine.store.view(key).service is not None)

    # kopf's generators are closed by the event loop, a few turns later
    await eventually(lambda: asyncio.all_tasks() == before)


@pytest.fixture
def mortal_plane() -> Iterator[ControlPlane]:
    """An API server of its own, to be hurt."""
    with ControlPlane.start() as plane:
        install_crds(plane.client)
        yield plane


@pytest.fixture
async def mortal(mortal_plane: ControlPlane) -> AsyncIterator[Engine]:
    async with connected(mortal_plane) as client:
        yield Engine(client)


async def test_a_killed_api_server_is_watched_again(
    mortal: Engine, mortal_plane: ControlPlane
) -> None:
    async with mortal.watching():
        await sees(mortal, "first")

        mortal_plane.kill()
        await asyncio.to_thread(mortal_plane.restart)

        await sees(mortal, "second")
        assert mortal.store.view(Key("default", "first")).service is not None


async def test_a_run_that_ends_is_followed_by_another(
    mortal: Engine, mortal_plane: ControlPlane
) -> None:
    """Without its CRD a watch gets a 404, which ends kopf; alone it would go on without it."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelservices.modelservice.io"
    plain = mortal_plane.client
    bystander = asyncio.create_task(asyncio.Event().wait())
    async with mortal.watching():
        await sees(mortal, "first")

        plain.text("DELETE", path)
        await eventually(lambda: plain.get(path) is None)
        await eventually(lambda: mortal.ends > 0)
        assert not [task for task in asyncio.all_tasks() if "watch" in task.get_name()]
        await asyncio.to_thread(install_crds, plain)

        await sees(mortal, "second")
    assert not bystander.done()
    bystander.cancel()


async def sees(engine: Engine, name: str) -> None:
    """The engine sees a service that is made now."""
    await create_service(engine.client, namespace="default", name=name)
    await eventually(lambda: engine.store.view(Key("default", name)).service is not None)
