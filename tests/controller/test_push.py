"""The operator's side of a push: over real HTTP, to the agent's own admin port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelservice_operator.controller.push import IN_FLIGHT, PAUSE_FIRST, Pusher
from modelservice_operator.controller.signing import Signer
from modelservice_operator.controller.store import Store
from modelservice_operator.desired.sequence import Order
from modelservice_operator.health import serving
from modelservice_operator.kube.errors import Fenced
from modelservice_operator.metrics import Metrics
from modelservice_operator.view import Key
from modelservice_runtime.document import Document
from modelservice_runtime.triton import admin
from modelservice_runtime.triton.push import Pushes
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import Wanted
from tests.controller.test_store import pod, service
from tests.runtime.examples import document, model_entry
from tests.runtime.s3 import free_port

KEY = Key("default", "digits")
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))


def text(revision: str, sequence: int) -> str:
    return json.dumps(document(model_entry(), revision=revision, sequence=sequence))


ORDER = Order("r2", text("r2", 6))


class Operator:
    """A store with serving pods that reload, and what pushes to them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        port: int,
        pods: Sequence[str] = ("p2",),
        keys: Sequence[Ed25519PrivateKey] = (PRIVATE,),
    ) -> None:
        self.store = Store()
        self.store.put("ModelService", service())
        for uid in pods:
            one = pod(uid, component="serving")
            one["status"]["podIP"] = "127.0.0.1"
            self.store.put("Pod", one)
        self.store.follow(KEY, pods=pods, order=ORDER)
        self.leads = True
        self.metrics = Metrics()
        self.time = 1_000.0
        self.pusher = Pusher(
            store=self.store,
            signer=Signer(keys),
            session=session,
            fence=self,
            metrics=self.metrics,
            port=port,
            monotonic=lambda: self.time,
        )

    def check(self) -> None:
        """The fence."""
        if not self.leads:
            raise Fenced

    async def push(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self.pusher.push_due(tasks)

    @property
    def results(self) -> dict[str, float]:
        return {
            sample.labels["result"]: sample.value
            for family in self.metrics.pushes.collect()
            for sample in family.samples
            if sample.name == "modelservice_pushes_total"
        }


@asynccontextmanager
async def operator(port: int, **more: Any) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession() as session:
        yield Operator(session, port=port, **more)


Agent = tuple[Wanted, Pushes, int]


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    """The agent of pod `p2`, as far as it takes pushes in; and its port."""
    in_force = text("r1", 5)
    (tmp_path / "models.json").write_text(in_force)
    (tmp_path / "push-keys.json").write_text(json.dumps({"keys": Signer([PRIVATE]).public}))
    wanted = Wanted(
        mounted=tmp_path / "models.json", repository=Repository(tmp_path), in_force=in_force
    )
    pushes = Pushes(
        pod="p2",
        document=Document.parse_text(in_force),
        keys=tmp_path / "push-keys.json",
        wanted=wanted,
    )
    async with AsyncExitStack() as stack:
        port = free_port()
        await admin.serve(stack, pushes, port=port)
        yield wanted, pushes, port


async def test_an_agent_takes_in_what_its_operator_pushes(agent: Agent) -> None:
    wanted, pushes, port = agent
    async with operator(port) as one:
        await one.push()
        assert one.results == {"accepted": 1}
    assert wanted.newest() == (Document.parse_text(ORDER.document), ORDER.document)
    assert sum(pushes.refused.values()) == 0


async def test_a_push_for_another_pod_is_refused_and_counted(agent: Agent) -> None:
    wanted, pushes, port = agent
    async with operator(port, pods=["p3"]) as one:
        await one.push()
        assert one.results == {"refused": 1}
    assert wanted.newest()[0].revision == "r1"
    assert pushes.refused["WrongPod"] == 1


async def test_who_does_not_lead_pushes_nothing(agent: Agent) -> None:
    """The harm: a leader that stood still goes on with what it was at."""
    wanted, _, port = agent
    async with operator(port) as one:
        one.leads = False
        await one.push()
        assert one.results == {}
    assert wanted.newest()[0].revision == "r1"


async def test_a_pod_is_told_again_until_it_has_said_that_it_knows(agent: Agent) -> None:
    wanted, _, port = agent
    async with operator(port) as one:
        await one.push()
        await one.push()
        assert one.results == {"accepted": 1}
        one.time += PAUSE_FIRST
        await one.push()
        assert one.results == {"accepted": 2}

        one.store.put_progress("p2", {"revision": "r1", "change": {"revision": "r2"}})
        one.time += 1000
        await one.push()
        assert one.results == {"accepted": 2}

        one.store.follow(KEY, pods=["p2"], order=Order("r3", text("r3", 7)))
        await one.push()
        assert one.results == {"accepted": 3}
        assert wanted.newest()[0].revision == "r3"

        one.store.follow(KEY, pods=[])
        one.time += 1000
        await one.push()
        assert one.results == {"accepted": 3}


async def test_other_models_are_told_at_once_and_those_of_before_no_more(agent: Agent) -> None:
    wanted, _, port = agent
    async with operator(port) as one:
        await one.push()
        one.store.follow(KEY, pods=["p2"], order=Order("r3", text("r3", 7)))
        await one.push()
        assert one.results == {"accepted": 2}
        assert wanted.newest()[0].revision == "r3"

        one.store.follow(KEY, pods=["p2"])
        one.time += 1000
        await one.push()
        assert one.results == {"accepted": 2}


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[Any]]) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_post("/document", answer)
    async with serving(application, host="127.0.0.1", port=0) as port:
        yield port


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 404), (b"[]", 500), (b"x" * 100_000, 403), (b'{"reason": "\\n; drop"}', 400)],
)
async def test_what_a_stranger_answers_is_a_refusal(body: bytes, status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    async with answering(answer) as port, operator(port) as one:
        await one.push()
        assert one.results == {"refused": 1}


async def test_a_pod_that_does_not_listen_hurts_nobody() -> None:
    async with operator(1) as one:
        await one.push()
        assert one.results == {"unreachable": 1}


async def test_pods_that_do_not_answer_hold_up_few() -> None:
    """A bounded number at a time; and the rest of the operator goes on meanwhile."""
    at_once: list[int] = []
    waiting = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        at_once.append(waiting)
        await asyncio.sleep(0.05)
        waiting -= 1
        return web.json_response({}, status=202)

    pods = [f"p{number}" for number in range(2, 2 + 3 * IN_FLIGHT)]
    async with answering(answer) as port, operator(port, pods=pods) as one:
        await one.push()
        assert one.results == {"accepted": len(pods)}
    assert max(at_once) == IN_FLIGHT


async def test_without_a_key_nobody_is_told() -> None:
    async with operator(1, keys=()) as one:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await one.pusher.run()
        assert one.results == {}
