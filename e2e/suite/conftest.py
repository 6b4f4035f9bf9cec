"""The installed operator, a namespace for the run, and services that are cleared away."""

import os
import secrets
from collections.abc import Callable, Iterator

import pytest

from e2e.cluster.places import Places
from e2e.cluster.target import foreign
from e2e.demo import bucket, release, surroundings
from e2e.demo.bucket import Bucket
from e2e.demo.kinds import MODEL_SERVICE
from e2e.demo.kubectl import Manifest
from e2e.demo.surroundings import Surroundings
from e2e.suite.live import Live, model, service
from e2e.suite.node import Node

Apply = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: ends processes or reads logs of the one node")
    config.addinivalue_line("markers", "slow: CI leaves it to `make e2e`, which runs by hand")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if foreign(os.environ, places=Places()) is None:
        return
    left_out = [item for item in items if item.get_closest_marker("embedded")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def around() -> Surroundings:
    """The cluster with the operator of this checkout."""
    found = surroundings.find(namespace=f"e2e-{secrets.token_hex(3)}")
    release.install(found, references=release.images())
    return found


@pytest.fixture(scope="session")
def live(around: Surroundings) -> Iterator[Live]:
    """A fresh namespace with the Secret that opens the store."""
    kubectl, store = around.kubectl, Bucket(around.storage)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": kubectl.namespace, "labels": labels},
        }
    )
    store.ensure(bucket.DATA, bucket.MODELS)
    kubectl.apply(bucket.secret(around.storage))
    live = Live(around=around, kubectl=kubectl, bucket=store)
    yield live
    # A namespace with pods in it is looked at again only after half of their grace period.
    live.remove(*(str(item["metadata"]["name"]) for item in kubectl.list(MODEL_SERVICE)))
    kubectl.run("delete", "namespace", kubectl.namespace, seconds=300.0)


@pytest.fixture
def apply(live: Live) -> Iterator[Apply]:
    """Applies a ModelService and returns its name; it is gone after the test."""
    made: list[str] = []

    def do(manifest: Manifest) -> str:
        name = str(manifest["metadata"]["name"])
        made.append(name)
        live.apply(manifest)
        return name

    yield do
    live.remove(*made)


@pytest.fixture(scope="session")
def served(live: Live) -> str:
    """The name of a service that multiplies by 2: for tests that leave it as it was."""
    live.apply(service("served", model(live.scaling(2))))
    live.ready("served")
    return "served"


@pytest.fixture(scope="session")
def node(around: Surroundings) -> Node:
    """The machine below the embedded cluster."""
    assert around.embedded is not None
    return Node(places=around.embedded)
