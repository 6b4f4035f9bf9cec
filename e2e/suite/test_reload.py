"""Other models in the pods that serve: no pod starts, and no request is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from e2e.demo import inference
from e2e.demo.kinds import DEPLOYMENT, MODEL_SERVICE
from e2e.demo.kubectl import Manifest
from e2e.demo.reach import reach
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, QUESTION, Live, factor, model, restarts, service, uids
from e2e.suite.traffic import Record, stream, traffic

# From outside a cluster a tunnel leads to one pod: that shows nothing here.
pytestmark = pytest.mark.embedded
RATE = 25.0  # requests a second, over HTTP and gRPC each
RELOADS = 10
MINUTES = 2.0


@contextmanager
def steady(live: Live, name: str, *, rate: float = RATE) -> Iterator[list[Record]]:
    """A steady load over HTTP and gRPC, and new connections beside it."""
    with (
        reach(live.kubectl, name) as (http, grpc),
        stream(inference.over_http(http, question=QUESTION), rate=rate) as over_http,
        stream(inference.over_grpc(grpc, question=QUESTION), rate=rate) as over_grpc,
        traffic(http) as others,
    ):
        yield [over_http, over_grpc, others]


def test_a_new_model_comes_into_the_pods_that_serve(live: Live, apply: Apply) -> None:
    serving = {"replicas": 2}
    name = apply(service("reload", model(live.scaling(3)), serving=serving))
    before = live.ready(name)["status"]
    pods = uids(live.pods(name))

    with steady(live, name) as records:
        live.apply(service(name, model(live.scaling(5)), serving=serving))
        after = live.ready(name)["status"]

    for record in records:
        assert record.failures == []
        assert set(record.factors) == {3.0, 5.0}
    assert uids(live.pods(name)) == pods
    assert [restarts(pod) for pod in live.pods(name)] == [0, 0]
    assert len(live.children(DEPLOYMENT, name)) == 1
    (told,) = after["models"]
    assert (told["version"], told["loadedReplicas"]) == (2, 2)
    assert told["digest"] != before["models"][0]["digest"]
    assert after["selector"] == before["selector"]

    live.kubectl.run("scale", MODEL_SERVICE.name, name, "--replicas=3")
    grown = live.kubectl.wait(MODEL_SERVICE, name, has_ready(3))
    assert grown["status"]["models"][0]["loadedReplicas"] == 3
    assert live.serves(name, 5)


def test_models_come_and_go_in_the_pods_that_serve(live: Live, apply: Apply) -> None:
    first, second = model(live.scaling(3)), {**model(live.scaling(5)), "name": "second"}
    name = apply(service("reload-set", first))
    live.ready(name)
    pods = uids(live.pods(name))

    live.apply(service(name, first, second))
    assert loaded(live.ready(name)) == {MODEL: 1, "second": 1}
    with reach(live.kubectl, name) as (http, _):
        asked = inference.Question(model="second", input="x", output="y")
        assert factor(inference.over_http(http, question=asked)) == 5

    live.apply(service(name, second))
    assert loaded(live.ready(name)) == {"second": 1}
    assert uids(live.pods(name)) == pods


@pytest.mark.slow
def test_ten_reloads_on_three_pods_lose_no_request(live: Live, apply: Apply) -> None:
    serving = {"replicas": 3}
    name = apply(service("reloads", model(live.scaling(1)), serving=serving))
    live.ready(name)
    pods = uids(live.pods(name))

    for factor_before in range(1, RELOADS + 1):
        wanted = factor_before + 1
        over = time.monotonic() + 60 * MINUTES
        with steady(live, name, rate=2 * RATE) as records:
            live.apply(service(name, model(live.scaling(wanted)), serving=serving))
            after = live.ready(name)["status"]
            threading.Event().wait(max(0.0, over - time.monotonic()))
        for record in records:
            assert record.failures == []
            assert set(record.factors) == {float(factor_before), float(wanted)}
        for kept in records[:2]:
            assert sum(kept.factors.values()) > 0.9 * 60 * MINUTES * 2 * RATE
        assert loaded({"status": after}) == {MODEL: 3}
        assert uids(live.pods(name)) == pods
    assert [restarts(pod) for pod in live.pods(name)] == [0, 0, 0]


def has_ready(count: int) -> Callable[[Manifest], bool]:
    """Whether so many pods answer."""
    return lambda found: bool(found["status"].get("readyReplicas") == count)


def loaded(found: Manifest) -> dict[str, int]:
    """By model, how many pods have it."""
    return {item["name"]: item["loadedReplicas"] for item in found["status"]["models"]}
