"""kill -9 of a process anywhere: the service comes back, and nothing is done twice."""

import pytest

from e2e.demo import release
from e2e.demo.kinds import LEASE, MODEL_SERVICE, MODEL_VERSION, POD
from e2e.demo.kubectl import Kubectl, Manifest
from e2e.demo.reach import HTTP, reach
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, pods_of, restarts, service, trained, uids
from e2e.suite.models import line
from e2e.suite.node import Node
from e2e.suite.traffic import requests_for

pytestmark = pytest.mark.embedded
OPERATOR = f"app.kubernetes.io/instance={release.RELEASE}"


@pytest.mark.alone  # others may wait for what the operator says of something that passes
def test_the_leading_operator(live: Live, apply: Apply, node: Node) -> None:
    name = apply(service("led", model(live.scaling(3))))
    killed = leader(live)
    assert node.kill(killed, program="modelservice-operator") > 0
    live.ready(name)
    live.apply(service(name, model(live.scaling(5))))
    live.ready(name)
    assert live.serves(name, 5)
    system(live).wait(POD, killed["metadata"]["name"], lambda pod: restarts(pod) > restarts(killed))


def test_triton(live: Live, served: str, node: Node) -> None:
    live.ready(served)
    (pod,) = live.pods(served)
    assert node.kill(pod, program="tritonserver") > 0
    live.kubectl.wait(POD, pod["metadata"]["name"], lambda found: restarts(found) > restarts(pod))
    live.ready(served)
    assert uids(live.pods(served)) == uids([pod])
    assert live.serves(served, 2)


def test_the_agent(live: Live, served: str, node: Node) -> None:
    live.ready(served)
    (pod,) = live.pods(served)
    assert node.kill(pod, program="modelservice-agent") > 0
    live.kubectl.wait(POD, pod["metadata"]["name"], lambda found: restarts(found) > restarts(pod))
    live.ready(served)
    assert live.serves(served, 2)


@pytest.mark.parametrize("how", ["killed", pytest.param("deleted", marks=pytest.mark.slow)])
def test_a_training_pod(live: Live, apply: Apply, node: Node, how: str) -> None:
    uri = live.uri("line.npz")
    live.bucket.put(line(samples=1_000), uri=uri)
    name = apply(service(f"pod-{how}", trained(uri, epochs=100_000 if how == "killed" else 99_999)))
    live.kubectl.wait(MODEL_SERVICE, name, in_epochs)
    (pod,) = live.pods(name, component="training")
    if how == "killed":
        assert node.kill(pod, program="modelservice-train") > 0
    else:
        live.kubectl.run("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    live.kubectl.wait_all(
        POD,
        lambda pods: bool(uids(list(pods.values())) - uids([pod])),
        selector=pods_of(name, component="training"),
    )
    live.ready(name)
    assert [item["spec"]["version"] for item in versions(live, name)] == [1]


@pytest.mark.slow
@pytest.mark.alone
def test_the_api_server_for_a_minute(live: Live, served: str, apply: Apply, node: Node) -> None:
    live.ready(served)
    before = live.pods(served)
    name = apply(service("afterwards", model(live.scaling(3))))
    with reach(live.kubectl, served, ports=[HTTP]) as (address,), node.without("apiserver"):
        record = requests_for(60.0, address=address)
    assert record.failures == []
    live.ready(name)
    live.apply(service(name, model(live.scaling(5))))
    live.ready(name)
    assert live.serves(name, 5)
    after = live.pods(served)
    assert uids(after) == uids(before)
    assert list(map(restarts, after)) == list(map(restarts, before))


def leader(live: Live) -> Manifest:
    """The operator's pod that holds the lease."""
    lease = system(live).wait(
        LEASE, release.RELEASE, lambda found: bool(found["spec"].get("holderIdentity"))
    )
    holder = str(lease["spec"]["holderIdentity"])
    pods = system(live).list(POD, selector=OPERATOR)
    return next(pod for pod in pods if holder.startswith(pod["metadata"]["name"]))


def system(live: Live) -> Kubectl:
    """kubectl in the operator's namespace."""
    return live.kubectl.of(release.NAMESPACE)


def in_epochs(found: Manifest) -> bool:
    """Whether a training is past its first epoch."""
    return any(entry.get("epoch", 0) >= 1 for entry in found.get("status", {}).get("training", ()))


def versions(live: Live, name: str) -> list[Manifest]:
    return live.kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}")
