"""kwok: nodes that exist only in the API, whose pods run at once, for tests with many services."""

from pathlib import Path
from typing import Any

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.client import Client, Refused
from e2e.cluster.components.component import Component, answers
from e2e.cluster.components.gpus import RESOURCE, labels
from e2e.cluster.places import Places

MARK = "kwok.x-k8s.io/node"
TAINT = {"key": MARK, "value": "fake", "effect": "NoSchedule"}
STAGES = Path(__file__).with_name("kwok.yaml")
GPUS = 8


def kwok(places: Places) -> Component:
    """The controller that plays the kubelets of the marked nodes."""
    target = places.configuration / "kwok.yaml"
    command = [
        str(tools.binary("kwok")),
        f"--kubeconfig={places.identity('kwok')}",
        f"--config={target}",
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={MARK}=fake",
        f"--server-address={at.ADDRESS}:{at.KWOK_PORT}",
        f"--node-ip={at.KWOK_NODE}",
        f"--cidr={at.KWOK_PODS}",
        # A kwok that is started again waits until the leases of the last one have expired.
        "--node-lease-duration-seconds=16",
    ]
    return Component(
        "kwok",
        command,
        answers(f"http://{at.ADDRESS}:{at.KWOK_PORT}/healthz"),
        ports=[(at.ADDRESS, at.KWOK_PORT)],
        files={target: STAGES.read_text()},
    )


def node(name: str) -> dict[str, Any]:
    """A node of kwok's, which only pods that tolerate its taint are placed on."""
    capacity = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "500"}
    capacity[RESOURCE] = str(GPUS)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {MARK: "fake"},
            "labels": labels(GPUS) | {"type": "kwok", "kubernetes.io/hostname": name},
        },
        "spec": {"taints": [TAINT]},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def scale(client: Client, *, count: int) -> None:
    """Have exactly `count` kwok nodes: `kwok-0` …"""
    listed = client.get("/api/v1/nodes?labelSelector=type%3Dkwok") or {}
    existing = {item["metadata"]["name"] for item in listed.get("items", [])}
    wanted = {f"kwok-{number}" for number in range(count)}
    for name in sorted(existing - wanted):
        try:
            client.text("DELETE", f"/api/v1/nodes/{name}")
        except Refused as refused:
            if refused.status != 404:
                raise
    for name in sorted(wanted - existing):
        client.text("POST", "/api/v1/nodes", body=node(name))
