"""Puts one replica together, runs it, and ends it in order.

    watch ─▶ observer ─▶ store, queue ─▶ workers ─▶ reconcile ─▶ executor ─▶ API server

Every replica watches and keeps its store warm; the one that holds the lease reconciles.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

import aiohttp

from modelservice_operator.api import names
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.observer import Observer
from modelservice_operator.controller.progress import Poller
from modelservice_operator.controller.push import Pusher
from modelservice_operator.controller.queue import Lane, Queue
from modelservice_operator.controller.record import Recorder
from modelservice_operator.controller.resync import Sweeper
from modelservice_operator.controller.signing import Signer
from modelservice_operator.controller.store import Store
from modelservice_operator.controller.supervise import supervise
from modelservice_operator.controller.watch import Watch
from modelservice_operator.controller.workers import Reconcile, Workers
from modelservice_operator.desired.platform import Platform
from modelservice_operator.health import metrics_page, probes, serving
from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.events import Events
from modelservice_operator.kube.lease import Alone, Lease
from modelservice_operator.metrics import Metrics
from modelservice_operator.settings import Settings
from modelservice_operator.view import Key, VersionKey

log = logging.getLogger(__name__)


class MakeReconcile(Protocol):
    """Makes the reconcile of a replica from its parts."""

    def __call__(
        self,
        *,
        store: Store,
        executor: Executor,
        events: Events,
        metrics: Metrics,
        platform: Platform,
        clock: Callable[[], float],
    ) -> Reconcile: ...


async def run(
    settings: Settings, *, platform: Platform, signer: Signer, make_reconcile: MakeReconcile
) -> None:
    """Run a replica until SIGTERM or SIGINT."""
    stopping = asyncio.Event()

    def take_signals() -> None:
        # Again after each start of the watch engine, which takes them for itself.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    take_signals()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        client = await Client.connect(
            kubeconfig=settings.kubeconfig,
            user_agent=names.MANAGER,
            meter=metrics.request,
        )
        stack.push_async_callback(client.close)
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        replica = Replica(
            settings,
            client=client,
            session=session,
            metrics=metrics,
            platform=platform,
            signer=signer,
            make_reconcile=make_reconcile,
            started=take_signals,
        )
        ready = probes(ready=replica.ready)
        await stack.enter_async_context(
            serving(ready, host=settings.host, port=settings.health_port)
        )
        await stack.enter_async_context(
            serving(metrics_page(metrics), host=settings.host, port=settings.metrics_port)
        )
        await replica.run(stopping)


class Replica:
    """The parts of one replica and how they live together."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: Client,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        platform: Platform,
        signer: Signer,
        make_reconcile: MakeReconcile,
        started: Callable[[], None],
    ) -> None:
        self._metrics = metrics
        self._store = Store()
        self._lease: Lease | Alone = (
            Lease(
                client,
                namespace=settings.namespace,
                name=settings.lease_name,
                identity=settings.identity,
                timings=settings.lease_timings,
            )
            if settings.leader_elect
            else Alone()
        )
        writer = Writer(client, fence=self._lease)
        self._events = Events(client, instance=settings.identity)
        queue = Queue()
        executor = Executor(client=client, writer=writer, store=self._store)
        self._workers = Workers(
            queue=queue,
            reconcile=_by_kind(
                services=make_reconcile(
                    store=self._store,
                    executor=executor,
                    events=self._events,
                    metrics=metrics,
                    platform=platform,
                    clock=time.time,
                ),
                versions=Recorder(store=self._store, executor=executor),
            ),
            slots={Lane.NORMAL: settings.workers, Lane.SHORT: settings.status_workers},
            metrics=metrics,
        )
        observer = Observer(store=self._store, enqueue=self._workers.enqueue)
        self._sweeper = Sweeper(
            client=client,
            store=self._store,
            observer=observer,
            metrics=metrics,
            period=settings.resync_period,
        )
        self._watch = Watch(
            client=client,
            observer=observer,
            metrics=metrics,
            listed=self._sweeper.ask,
            started=started,
        )
        self._poller = Poller(store=self._store, enqueue=self._workers.enqueue, session=session)
        self._pusher = Pusher(
            store=self._store, signer=signer, session=session, fence=self._lease, metrics=metrics
        )
        for lane in Lane:
            metrics.watch_value(
                "queue_depth",
                text="Services that wait for a run.",
                read=lambda lane=lane: queue.depth(lane),  # type: ignore[misc]
                lane=lane.value,
            )
        metrics.watch_value(
            "store_objects", text="Objects in the store.", read=lambda: self._store.size
        )

    def ready(self) -> bool:
        """Whether this replica could lead."""
        return self._sweeper.primed.is_set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Live until `stopping`, then end in order: watch, reconciles, lease."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(supervise(self._watch.run, name="the watch"))
            others = [
                tasks.create_task(self._sweeper.run()),
                tasks.create_task(self._events.run()),
                tasks.create_task(self._lead()),
            ]
            await stopping.wait()
            log.info("stopping")
            watch.cancel()
            await self._workers.drain()
            await self._lease.release()
            for task in others:
                task.cancel()

    async def _lead(self) -> None:
        await self._sweeper.primed.wait()
        while True:
            await self._lease.acquire()
            log.info("this replica leads", extra={"identity": self._lease.identity})
            self._metrics.leader.set(1)
            for key in self._store.services():
                self._workers.enqueue(key, lane=Lane.NORMAL)
            for version in self._store.versions():
                self._workers.enqueue(version, lane=Lane.SHORT)
            async with asyncio.TaskGroup() as term:
                work = [
                    term.create_task(self._workers.run()),
                    term.create_task(self._poller.run()),
                    term.create_task(self._pusher.run()),
                ]
                await self._lease.keep()
                for task in work:
                    task.cancel()
            self._metrics.leader.set(0)


def _by_kind(*, services: Reconcile, versions: Recorder) -> Reconcile:
    """Both kinds that have a status of ours wait in one queue."""

    async def reconcile(key: Key) -> float | None:
        return await (versions(key) if isinstance(key, VersionKey) else services(key))

    return reconcile
