"""Nodes go away, drained or dead: services keep a pod where they have two, and are whole again."""

import pytest

from e2e.availability.site import NAMESPACE, Manifest, Site, is_serving, one, service
from e2e.cluster.client import Refused
from e2e.demo.kinds import MODEL_SERVICE, POD

COUNT, NODE = 10, "kwok-0"
# What an administrator tells of a node that is gone for good.
DEAD = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}


def test_a_drain_takes_one_pod_of_a_service_at_a_time(site: Site) -> None:
    site.replica("one")
    begin(site, play={"ready-after": "2s"})
    first, second = serving(site, of="live-0")
    evict(site, first)
    with pytest.raises(Refused, match="disruption budget"):
        evict(site, second)
    site.wait(lambda: whole(site), what="another pod has come for the first one")
    evict(site, second)
    site.wait(lambda: whole(site), what="and one for the second")
    site.settle()
    assert not {first, second} & set(serving(site, of="live-0"))


def test_the_pods_of_a_dead_node_come_back_elsewhere(site: Site) -> None:
    site.replica("one")
    begin(site)
    site.hush()
    lost = {name(pod) for pod in site.objects(POD) if pod["spec"]["nodeName"] == NODE}
    assert lost
    before, since = site.state(), site.audit.mark()
    patch = {"spec": {"taints": [DEAD]}}
    site.rig.plane.client.text(
        "PATCH", f"/api/v1/nodes/{NODE}", body=patch, content_type="application/merge-patch+json"
    )
    site.wait(
        lambda: whole(site) and not lost & set(map(name, site.objects(POD))),
        what="all pods are elsewhere",
    )
    site.settle()
    site.hush()
    # Kubernetes does that; the operator says how it goes, and writes nothing else.
    written = {item.resource for item in site.audit.writes(since=since)}
    assert written <= {"modelservices/status", "events"}
    assert site.state() == before


def begin(site: Site, *, play: dict[str, str] | None = None) -> None:
    """Have services with two pods each; `play` says how the pods fare (e2e/rig/stages.yaml)."""
    serving = {"replicas": 2, "podAnnotations": play or {}}
    site.create(*(service(f"live-{number}", serving=serving) for number in range(COUNT)))
    site.settle()


def evict(site: Site, pod: str) -> None:
    """As `kubectl drain` does. Raises Refused."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAMESPACE},
    }
    site.rig.plane.client.text("POST", f"{one(POD, pod)}/eviction", body=body)


def serving(site: Site, *, of: str) -> list[str]:
    """The names of a service's pods."""
    return [
        name(pod)
        for pod in site.objects(POD)
        if is_serving(pod) and pod["metadata"]["labels"]["modelservice.io/name"] == of
    ]


def whole(site: Site) -> bool:
    """Whether every service has both of its pods, by its status and in truth."""
    services = site.objects(MODEL_SERVICE)
    told = [item["status"].get("readyReplicas") == 2 for item in services]
    pods = [pod for pod in site.objects(POD) if is_serving(pod) and is_ready(pod)]
    return all(told) and len(pods) == 2 * len(services)


def is_ready(pod: Manifest) -> bool:
    leaving = "deletionTimestamp" in pod["metadata"]
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", ())}
    return not leaving and conditions.get("Ready") == "True"


def name(found: Manifest) -> str:
    return str(found["metadata"]["name"])
