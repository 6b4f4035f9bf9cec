"""A real API server for the tests of this folder, with our CRDs, and a namespace for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from e2e.cluster.client import Client as PlainClient
from e2e.cluster.client import Refused, eventually
from e2e.cluster.controlplane import ControlPlane
from modelservice_operator.kube.client import Client
from tests.integration.engine import connected

CRDS = Path(__file__).parents[2] / "crds"


def install_crds(client: PlainClient) -> None:
    """Apply the CRDs and wait until the API server serves them."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for file in sorted(CRDS.glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        client.apply(f"{path}/{crd['metadata']['name']}", body=crd)
        kinds = f"/apis/{crd['spec']['group']}/v1alpha1/{crd['spec']['names']['plural']}"
        assert eventually(partial(_served, client, kinds), seconds=20)


def _served(client: PlainClient, path: str) -> bool:
    try:
        return client.get(path) is not None
    except Refused:  # 429: its storage is being made
        return False


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane.start(audit=True) as plane:
        install_crds(plane.client)
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    name = f"test-{uuid4().hex[:8]}"
    control_plane.client.apply(
        f"/api/v1/namespaces/{name}",
        body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
    )
    return name


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    async with connected(control_plane) as client:
        yield client
