"""Three hundred settled services cost no write, nor does a restart or an upgrade of the operator.

Their pods run on kwok's nodes, which exist in the API only: the API server, the scheduler and all
controllers are real. MODELSERVICE_QUIET_SECONDS sets how long the silence is listened to.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from e2e.cluster.components.kwok import TAINT
from e2e.demo import release
from e2e.demo.kinds import MODEL_SERVICE, POD
from e2e.demo.kubectl import Kubectl, Manifest, Objects
from e2e.demo.surroundings import CHECKOUT
from e2e.suite.live import Live, is_ready, model, service
from e2e.suite.node import Node
from e2e.suite.test_operator_upgrade import same
from e2e.suite.test_restart_writes_nothing import OPERATOR, USER, new_leader, reconciles

COUNT, PORTION = 300, 50
NODES = 2
QUIET = float(os.environ.get("MODELSERVICE_QUIET_SECONDS", "30"))


pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(scope="module")
def crowd(live: Live) -> Iterator[Kubectl]:
    """A namespace with the services, all of them ready."""
    _kwok(NODES)
    kubectl = live.kubectl.of(f"{live.namespace}-crowd")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": kubectl.namespace, "labels": labels}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        for first in range(0, COUNT, PORTION):
            kubectl.apply(*(_service(first + number) for number in range(PORTION)))
        kubectl.wait_all(MODEL_SERVICE, _all_ready, seconds=900.0)
        yield kubectl
    finally:
        kubectl.run("delete", "namespace", kubectl.namespace, seconds=600.0)
        _kwok(0)


def test_nothing_is_written(crowd: Kubectl, node: Node) -> None:
    inside = _hushed(crowd, node)
    assert _noise(node, inside=inside, since=node.audited, seconds=QUIET) == []

    system = crowd.of(release.NAMESPACE)
    before = system.list(POD, selector=OPERATOR)
    since = node.audited
    system.run("delete", "pods", f"--selector={OPERATOR}", "--wait=false")
    leader = new_leader(system, before=before)
    system.wait(POD, leader, lambda _: reconciles(system, leader) >= COUNT, seconds=120.0)
    assert _noise(node, inside=inside, since=since, seconds=5.0) == []

    for found in crowd.list(MODEL_SERVICE):
        metadata = found["metadata"]
        assert not {"finalizers", "annotations", "labels"} & metadata.keys(), metadata


def test_an_upgrade_goes_unnoticed(crowd: Kubectl, live: Live, served: str, node: Node) -> None:
    """The operator's pods are replaced, and platform images too, which only new revisions get."""
    inside = _hushed(crowd, node)
    pods, real = crowd.list(POD), live.pods(served)
    system = crowd.of(release.NAMESPACE)
    before = system.list(POD, selector=OPERATOR)
    references = release.images()
    others = {name: f"{reference}-next" for name, reference in references.items()}
    upgraded = {**others, "operator": references["operator"]}
    since = node.audited
    try:
        settings = ["operator.podAnnotations.release=next"]
        release.install(live.around, references=upgraded, settings=settings)
        leader = new_leader(system, before=before)
        system.wait(POD, leader, lambda _: reconciles(system, leader) >= COUNT, seconds=120.0)
        assert _noise(node, inside=inside, since=since, seconds=5.0) == []
        assert same(crowd.list(POD), pods)
        assert same(live.pods(served), real)
        assert live.serves(served, 2)
    finally:
        release.install(live.around, references=references)


def _hushed(crowd: Kubectl, node: Node) -> str:
    """What marks a write inside the crowd, once there are none any more."""
    inside = f" {crowd.namespace}/"
    while _noise(node, inside=inside, since=node.audited, seconds=5.0):
        pass  # the last events of the services' creation are still being posted
    return inside


def _noise(node: Node, *, inside: str, since: int, seconds: float) -> list[str]:
    """The operator's writes in a namespace since a moment and for so long."""
    until = time.monotonic() + seconds
    while True:
        lines = [line for line in node.written(user=USER, since=since) if inside in line]
        if lines or time.monotonic() > until:
            return lines
        time.sleep(1.0)  # there is no event for nothing happening


def _service(number: int) -> Manifest:
    entry = model("s3://models/none.onnx", source={"sha256": f"{number:064x}"})
    placed = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
    }
    return service(f"quiet-{number}", entry, serving=placed)


def _all_ready(found: Objects) -> bool:
    return len(found) == COUNT and all(is_ready(item) for item in found.values())


def _kwok(count: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "e2e.cluster", "kwok", str(count)], check=True, cwd=CHECKOUT
    )
