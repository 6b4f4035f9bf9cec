"""A model is exchanged for another while requests come in: every one of them is answered."""

from collections.abc import Callable

import pytest

from e2e.demo.kinds import DEPLOYMENT, MODEL_SERVICE, POD
from e2e.demo.kubectl import Objects
from e2e.demo.reach import HTTP, reach
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, pods_of, service
from e2e.suite.traffic import traffic

# From outside a cluster a tunnel leads to one pod: that shows nothing here.
pytestmark = pytest.mark.embedded


def test_surge_loses_no_request(live: Live, apply: Apply) -> None:
    serving = {"replicas": 2}
    surge = {"strategy": "Surge"}
    name = apply(service("surge", model(live.scaling(3)), serving=serving, rollout=surge))
    before = live.ready(name)["status"]["revision"]
    with reach(live.kubectl, name, ports=[HTTP]) as (address,), traffic(address) as record:
        live.apply(service(name, model(live.scaling(5)), serving=serving, rollout=surge))
        after = live.ready(name)["status"]["revision"]
        live.kubectl.wait_all(
            POD, only(2, revision=after), selector=pods_of(name, component="serving")
        )
    assert record.failures == []
    assert set(record.factors) == {3.0, 5.0}
    assert live.serves(name, 5)
    assert before != after
    assert [item["metadata"]["name"] for item in live.children(DEPLOYMENT, name)] == [after]


def test_scaling_up_and_down_loses_no_request(live: Live, served: str) -> None:
    with reach(live.kubectl, served, ports=[HTTP]) as (address,), traffic(address) as record:
        live.kubectl.run("scale", MODEL_SERVICE.name, served, "--replicas=2")
        live.kubectl.wait(
            MODEL_SERVICE, served, lambda found: found["status"].get("readyReplicas") == 2
        )
        live.kubectl.run("scale", MODEL_SERVICE.name, served, "--replicas=1")
        revision = live.ready(served)["status"]["revision"]
        live.kubectl.wait_all(
            POD, only(1, revision=revision), selector=pods_of(served, component="serving")
        )
    assert record.failures == []
    assert set(record.factors) == {2.0}


def only(count: int, *, revision: str) -> Callable[[Objects], bool]:
    """Whether there are `count` pods, those on their way out included, all of `revision`."""

    def holds(pods: Objects) -> bool:
        return len(pods) == count and all(name.startswith(f"{revision}-") for name in pods)

    return holds
