"""The installed operator, a namespace for each worker, and services that are cleared away."""

import fcntl
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

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
# What workers lock: they are processes, and a lock of the kernel's ends with the one that holds it.
LOCK = Path(__file__)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: ends processes or reads logs of the one node")
    config.addinivalue_line("markers", "slow: CI leaves it to `make e2e`, which runs by hand")
    config.addinivalue_line("markers", "alone: no other worker's test may run meanwhile")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if foreign(os.environ, places=Places()) is None:
        return
    left_out = [item for item in items if item.get_closest_marker("embedded")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests of several workers run side by side, unless one needs the cluster for itself."""
    alone = item.get_closest_marker("alone") is not None
    with locked(LOCK, exclusively=alone):
        return (yield)


@contextmanager
def locked(path: Path, *, exclusively: bool) -> Iterator[None]:
    """Hold a lock on a file, which is made if it is not there."""
    file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


@pytest.fixture(scope="session")
def around(tmp_path_factory: pytest.TempPathFactory) -> Surroundings:
    """The cluster with the operator of this checkout, which the first worker installs."""
    found = surroundings.find(namespace=f"e2e-{secrets.token_hex(3)}")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    installed = shared / "installed"
    with locked(shared / "installing", exclusively=True):
        if not installed.exists():
            release.install(found, references=release.images())
            installed.touch()
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
    """Applies a ModelService and returns its name; it is deleted after the test."""
    made: list[str] = []

    def do(manifest: Manifest) -> str:
        name = str(manifest["metadata"]["name"])
        made.append(name)
        live.apply(manifest)
        return name

    yield do
    for name in made:  # nobody waits for their pods, which end on their own
        live.kubectl.delete(MODEL_SERVICE, name)


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
