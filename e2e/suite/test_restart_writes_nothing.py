"""A restart of the operator is nobody's business: it finds everything as it should be."""

import re

import pytest

from e2e.demo import release
from e2e.demo.kinds import LEASE, MODEL_SERVICE, POD
from e2e.demo.kubectl import Kubectl, Manifest, Objects, Refused
from e2e.suite.live import Live, uids
from e2e.suite.node import Node

USER = f"system:serviceaccount:{release.NAMESPACE}:{release.RELEASE}"
OPERATOR = f"app.kubernetes.io/instance={release.RELEASE}"


@pytest.mark.embedded
@pytest.mark.alone
def test_zero_writes_but_the_lease(live: Live, served: str, node: Node) -> None:
    live.ready(served)
    system = live.kubectl.of(release.NAMESPACE)
    before = system.list(POD, selector=OPERATOR)
    services = len(live.kubectl.of("").list(MODEL_SERVICE))
    since = node.audited
    system.run("delete", "pods", f"--selector={OPERATOR}", "--wait=false")
    leader = new_leader(system, before=before)
    system.wait(POD, leader, lambda _: reconciles(system, leader) >= services, seconds=120.0)
    written = node.written(user=USER, since=since)
    assert [line for line in written if " leases " not in line] == []


def new_leader(system: Kubectl, *, before: list[Manifest]) -> str:
    """The name of the pod that leads once none of `before` is there any more."""

    def replaced(pods: Objects) -> bool:
        return len(pods) == len(before) and not uids(list(pods.values())) & uids(before)

    pods = system.wait_all(POD, replaced, selector=OPERATOR)
    lease = system.wait(LEASE, release.RELEASE, lambda found: bool(holder(found, pods=pods)))
    return holder(lease, pods=pods)


def holder(lease: Manifest, *, pods: Objects) -> str:
    """Which of `pods` holds the lease; empty for none."""
    identity = str(lease["spec"].get("holderIdentity") or "")
    return next((name for name in pods if identity.startswith(name)), "")


def reconciles(system: Kubectl, pod: str) -> float:
    """How many runs a replica counts by now."""
    path = f"/api/v1/namespaces/{release.NAMESPACE}/pods/{pod}:9090/proxy/metrics"
    try:
        text = system.run("get", "--raw", path)
    except Refused:
        return 0.0
    counts = re.findall(
        r'^modelservice_reconciles_total\{.*result="ok".*\} (\S+)$', text, re.MULTILINE
    )
    return sum(map(float, counts))
