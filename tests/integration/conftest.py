"""A real API server for the tests of this folder, with our CRDs, and a namespace for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from e2e.cluster.controlplane import ControlPlane
from e2e.rig.plane import install_crds
from modelservice_operator.kube.client import Client
from tests.integration.engine import connected


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
