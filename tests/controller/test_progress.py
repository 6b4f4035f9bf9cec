"""Progress of running pods: real HTTP, and answers that a stranger might give."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from modelservice_operator.controller.progress import SIZE_LIMIT, Poller, parse, parse_models
from modelservice_operator.controller.queue import Lane
from modelservice_operator.controller.store import Store
from modelservice_operator.health import serving
from modelservice_operator.view import Key
from tests.controller.test_store import pod, service

GOOD = {
    "phase": "Training",
    "epoch": 3,
    "epochs": 20,
    "loss": "0.2",
    "metrics": {"accuracy": "0.93"},
    "etaSeconds": 12.5,
    "reason": "",
    "message": "",
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, GOOD),
        ({"unknown": 1}, GOOD),
        ({"epoch": "3"}, {name: GOOD[name] for name in GOOD if name != "epoch"}),
        ({"epoch": True}, {name: GOOD[name] for name in GOOD if name != "epoch"}),
        ({"epoch": -1}, {name: GOOD[name] for name in GOOD if name != "epoch"}),
        ({"etaSeconds": float("inf")}, {name: GOOD[name] for name in GOOD if name != "etaSeconds"}),
        ({"metrics": {"a": 1, "b": "2"}}, GOOD | {"metrics": {"b": "2"}}),
        ({"message": "x" * 5000}, GOOD | {"message": "x" * 1024}),
        ({"bytes": 5 * 2**30}, GOOD | {"bytes": 5 * 2**30}),
        ({"totalBytes": 2**53, "bytesPerSecond": -1, "bytes": 1.5}, GOOD),
        ({"phase": "Converting"}, GOOD | {"phase": "Converting"}),
        ({"phase": "Dreaming"}, None),
    ],
)
def test_only_what_is_known_and_well_formed_is_taken(
    change: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    assert parse(json.dumps(GOOD | change).encode()) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"Training"', b"\xff"])
def test_what_is_no_answer_is_none(text: bytes) -> None:
    assert parse(text) is None


class Trainer:
    """What a pod serves, and a poller that asks it."""

    def __init__(self) -> None:
        self.answer: bytes = json.dumps(GOOD).encode()
        self.status = 200
        self.asked: list[tuple[Key, Lane]] = []
        self.store = Store()
        self.store.put("ModelService", service())
        ours = pod()
        ours["status"]["podIP"] = "127.0.0.1"
        self.store.put("Pod", ours)

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(body=self.answer, status=self.status, headers={"Location": "/progress"})

    def enqueue(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        self.asked.append((key, lane))

    @property
    def progress(self) -> dict[str, Any]:
        return dict(self.store.view(Key("default", "digits")).progress)


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
async def poller(trainer: Trainer) -> AsyncIterator[Poller]:
    application = web.Application()
    application.router.add_get("/progress", trainer.page)
    async with (
        serving(application, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession() as session,
    ):
        yield Poller(store=trainer.store, enqueue=trainer.enqueue, session=session, port=port)


async def test_news_reach_the_store_and_ask_for_a_status(trainer: Trainer, poller: Poller) -> None:
    await poller.ask_all()
    await poller.ask_all()

    assert trainer.progress == {"p1": GOOD}
    assert trainer.asked == [(Key("default", "digits"), Lane.SHORT)]


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"x" * (SIZE_LIMIT + 1), 200), (b"{}", 200), (b"not yet", 503), (b"", 302)],
)
async def test_a_bad_answer_changes_nothing(
    trainer: Trainer, poller: Poller, answer: bytes, status: int
) -> None:
    trainer.answer, trainer.status = answer, status

    await poller.ask_all()

    assert trainer.progress == {}
    assert trainer.asked == []


async def test_a_pod_that_does_not_answer_hurts_nobody(trainer: Trainer) -> None:
    async with aiohttp.ClientSession() as session:
        poller = Poller(store=trainer.store, enqueue=trainer.enqueue, session=session, port=1)
        await poller.ask_all()
    assert trainer.asked == []


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"revision": "b", "change": {}, "models": []}, {"revision": "b", "change": {}}),
        (
            {
                "revision": "a",
                "change": {"revision": "b", "phase": "Failed", "reason": "LoadFailed"},
            },
            {
                "revision": "a",
                "change": {"revision": "b", "phase": "Failed", "reason": "LoadFailed"},
            },
        ),
        ({"revision": 5, "change": {"message": "x" * 5000}}, {"change": {"message": "x" * 1024}}),
        ({"change": {"revision": 1, "phase": None}}, {"change": {}}),
        ({"change": []}, {"change": {}}),
        ([], {"change": {}}),
    ],
)
def test_of_what_a_serving_pod_tells_the_known_is_taken(answer: Any, taken: Any) -> None:
    assert parse_models(json.dumps(answer).encode()) == taken


async def test_a_serving_pod_is_asked_while_its_service_wants_to_know(trainer: Trainer) -> None:
    ours = pod("p2", component="serving")
    ours["status"]["podIP"] = "127.0.0.1"
    trainer.store.put("Pod", ours)
    trainer.answer = json.dumps({"revision": "b", "change": {}}).encode()
    key = Key("default", "digits")
    application = web.Application()
    application.router.add_get("/models", trainer.page)
    async with (
        serving(application, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession() as session,
    ):
        poller = Poller(
            store=trainer.store,
            enqueue=trainer.enqueue,
            session=session,
            port=1,
            serving_port=port,
        )
        await poller.ask_all(programs=False)
        assert trainer.progress == {}

        trainer.store.follow(key, pods=["p2"])
        await poller.ask_all(programs=False)
        assert trainer.progress == {"p2": {"revision": "b", "change": {}}}
        assert trainer.asked == [(key, Lane.SHORT)]

        trainer.store.follow(key, pods=[])
        assert trainer.progress == {}  # what it told was of a reload that is over
        await poller.ask_all(programs=False)
        assert trainer.progress == {}


async def test_a_serving_pod_that_is_silent_is_told_of_too(trainer: Trainer) -> None:
    trainer.store.put(
        "Pod",
        pod("p2", component="serving") | {"status": {"phase": "Running", "podIP": "127.0.0.1"}},
    )
    trainer.store.follow(Key("default", "digits"), pods=["p2"])
    async with aiohttp.ClientSession() as session:
        poller = Poller(
            store=trainer.store, enqueue=trainer.enqueue, session=session, port=1, serving_port=1
        )
        await poller.ask_all()
    assert trainer.progress == {"p2": {"change": {}}}
