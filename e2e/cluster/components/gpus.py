"""The GPUs that the node claims to have: the device plugin's process and the node's labels."""

import sys
from pathlib import Path
from typing import Any

from e2e.cluster import places as at
from e2e.cluster.client import Client
from e2e.cluster.components.component import Component
from e2e.cluster.places import Places

RESOURCE = "nvidia.com/gpu"
PRODUCT, MEMORY = "NVIDIA-H100-80GB-HBM3", "81559"
ROOT = Path(__file__).parents[3]
NODE_PATH = f"/api/v1/nodes/{at.NODE}"


def labels(count: int) -> dict[str, str]:
    """The node labels that NVIDIA's feature discovery would write; none without GPUs."""
    if count == 0:
        return {}
    return {
        f"{RESOURCE}.product": PRODUCT,
        f"{RESOURCE}.memory": MEMORY,
        f"{RESOURCE}.count": str(count),
        f"{RESOURCE}.present": "true",
    }


def allocatable(client: Client) -> int:
    """How many GPUs the scheduler counts on the node."""
    node = client.get(NODE_PATH) or {}
    return int(node.get("status", {}).get("allocatable", {}).get(RESOURCE, "0"))


def label(client: Client, *, count: int) -> None:
    """Write the labels of `count` GPUs to the node, and take back those written before."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Node"}
    client.apply(NODE_PATH, body=body | {"metadata": {"name": at.NODE, "labels": labels(count)}})


def gpus(_places: Places, *, client: Client, count: int) -> Component:
    """The device plugin with `count` devices."""
    return Component(
        "gpus",
        [sys.executable, "-m", "e2e.cluster.gpu", f"--count={count}"],
        lambda: allocatable(client) == count,
        environment={"PYTHONPATH": str(ROOT)},
    )
