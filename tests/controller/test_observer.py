"""The observer: what it asks for, and when."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.controller.observer import TOGETHER, Observer
from modelservice_operator.controller.queue import Lane, Queue
from modelservice_operator.controller.store import Store
from modelservice_operator.view import Key

KEY = Key("default", "digits")
Manifest = dict[str, Any]


class Site:
    """An observer, its queue, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.generation = 1
        self.queue = Queue()
        self.observer = Observer(store=Store(), enqueue=self._enqueue)
        self._version = 10

    def _enqueue(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        self.queue.add(key, lane=lane, now=self.now, delay=delay)

    def sees(self, kind: str, uid: str, **more: Any) -> None:
        self._version += 1
        metadata = {
            "name": "digits",
            "namespace": "default",
            "uid": uid,
            "generation": self.generation,
            "labels": {"modelservice.io/name": "digits", "modelservice.io/service-uid": "s1"},
            "resourceVersion": str(self._version),
        }
        self.observer.seen(kind, {"metadata": metadata, "spec": {}, **more})


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_service_is_looked_at_at_once(site: Site) -> None:
    site.sees("ModelService", "s1")
    turn = site.queue.take(Lane.NORMAL, now=site.now)
    assert turn is not None
    assert turn.key == KEY


def test_a_status_of_its_spec_is_no_new_spec(site: Site) -> None:
    """The harm: where the event of our own write came before its answer, a service was told Ready
    when all that had been created meanwhile were made."""
    site.sees("ModelService", "s1", status={"observedGeneration": 1})
    assert site.queue.take(Lane.NORMAL, now=site.now) is None
    assert site.queue.take(Lane.SHORT, now=site.now + TOGETHER) is not None
    site.queue.done(KEY, now=site.now, requeue=None)

    site.generation = 2
    site.sees("ModelService", "s1", status={"observedGeneration": 1})
    assert site.queue.take(Lane.NORMAL, now=site.now) is not None


def test_steps_of_its_pods_that_come_together_are_one_run(site: Site) -> None:
    """The harm: a run for every step of every pod, most of them with nothing to tell."""
    for phase in ("Pending", "Running", "Succeeded"):
        site.sees("Pod", "p1", status={"phase": phase})
        assert site.queue.take(Lane.SHORT, now=site.now) is None
        site.now += TOGETHER / 4

    site.now += TOGETHER
    assert site.queue.take(Lane.SHORT, now=site.now) is not None
    site.queue.done(KEY, now=site.now, requeue=None)
    assert site.queue.take(Lane.SHORT, now=site.now + 10) is None
