"""GPUs are devices that the scheduler hands out: a pod gets its own, and one too many waits."""

import pytest

from e2e.demo.kinds import MODEL_SERVICE, POD
from e2e.demo.kubectl import Manifest, condition
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, empty, model, pods_of, service

# They take all the GPUs that there are.
pytestmark = [pytest.mark.slow, pytest.mark.alone]
RESOURCE = "nvidia.com/gpu"


def test_each_pod_gets_its_own_and_one_too_many_waits(live: Live, apply: Apply) -> None:
    there = gpus(live)
    name = apply(
        service("gpus", model(live.scaling(3)), gpu={"count": 1}, serving={"replicas": there + 1})
    )
    waiting = live.told(name, "GPUScheduled", status="False", reason="Unschedulable")
    assert RESOURCE in condition(waiting, "GPUScheduled")["message"]
    settled = live.kubectl.wait(
        MODEL_SERVICE, name, lambda found: found["status"].get("readyReplicas") == there
    )
    assert condition(settled, "Available")["status"] == "True"
    assert condition(settled, "Ready")["reason"] == "Unschedulable"
    running = [pod for pod in live.pods(name) if pod["status"]["phase"] == "Running"]
    devices = [device(live, pod) for pod in running]
    assert len(set(devices)) == there
    assert live.serves(name, 3)

    live.kubectl.run("scale", MODEL_SERVICE.name, name, f"--replicas={there}")
    live.told(name, "GPUScheduled", status="True", reason="Scheduled")
    live.ready(name)


def test_a_product_that_no_node_has(live: Live, apply: Apply) -> None:
    gpu = {"count": 1, "products": ["NVIDIA-Z9-1TB"]}
    name = apply(service("product", model(live.scaling(3)), gpu=gpu))
    waiting = live.told(name, "GPUScheduled", status="False", reason="Unschedulable")
    assert "NVIDIA-Z9-1TB" in condition(waiting, "GPUScheduled")["message"]
    assert "Stalled" not in {item["type"] for item in waiting["status"]["conditions"]}

    live.apply(service(name, model(live.scaling(3)), gpu={"count": 1}))
    live.ready(name)


def test_a_full_cluster_updates_in_place(live: Live, apply: Apply) -> None:
    there = gpus(live)
    gpu = {"count": there}
    name = apply(service("full", model(live.scaling(3)), gpu=gpu))
    live.ready(name)
    replace = {"strategy": "Replace"}
    live.apply(service(name, model(live.scaling(5)), gpu=gpu, rollout=replace))
    live.ready(name)
    assert live.serves(name, 5)
    live.remove(name)
    live.kubectl.wait_all(POD, empty, selector=pods_of(name, component="serving"))


def gpus(live: Live) -> int:
    """How many GPUs the cluster has."""
    answer = live.kubectl.run(
        "get", "nodes", "--output=jsonpath={.items[*].status.allocatable.nvidia\\.com/gpu}"
    )
    return sum(int(count) for count in answer.split())


def device(live: Live, pod: Manifest) -> str:
    """What the device plugin gave to a pod's Triton."""
    name = pod["metadata"]["name"]
    command = ("--container=triton", "--", "printenv", "NVIDIA_VISIBLE_DEVICES")
    return live.kubectl.run("exec", name, *command).strip()
