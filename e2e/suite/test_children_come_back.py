"""Whoever deletes or edits a child finds it as it should be a moment later."""

import pytest

from e2e.demo.kinds import (
    BUDGET,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    NETWORK_POLICY,
    SERVICE,
    Kind,
)
from e2e.demo.kubectl import Manifest
from e2e.suite.live import Live, uids

KINDS = [SERVICE, BUDGET, NETWORK_POLICY, CONFIG_MAP, CONTROLLER_REVISION, DEPLOYMENT]
EDITS: dict[Kind, Manifest] = {
    SERVICE: {"spec": {"selector": {"modelservice.io/component": "nothing"}}},
    BUDGET: {"spec": {"maxUnavailable": 0}},
    NETWORK_POLICY: {"spec": {"ingress": []}},
    CONFIG_MAP: {"data": {"models.json": "{}"}},
    DEPLOYMENT: {"spec": {"replicas": 0}},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_deleted(live: Live, served: str, kind: Kind) -> None:
    child = only(live, kind, served)
    live.kubectl.delete(kind, child["metadata"]["name"])
    again = live.kubectl.wait(
        kind,
        child["metadata"]["name"],
        lambda found: found["metadata"]["uid"] != child["metadata"]["uid"],
    )
    assert wanted(again) == wanted(child)
    live.ready(served)
    assert live.serves(served, 2)


@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.plural)
def test_edited(live: Live, served: str, kind: Kind) -> None:
    child = only(live, kind, served)
    live.kubectl.patch(kind, child["metadata"]["name"], merge=EDITS[kind])
    live.kubectl.wait(kind, child["metadata"]["name"], lambda found: wanted(found) == wanted(child))
    live.ready(served)
    assert live.serves(served, 2)


def test_the_pods_themselves(live: Live, served: str) -> None:
    before = live.pods(served)
    live.kubectl.run("delete", "pods", "--wait=false", *(pod["metadata"]["name"] for pod in before))
    live.told(served, "Available", status="False")
    live.ready(served)
    assert not uids(live.pods(served)) & uids(before)
    assert live.serves(served, 2)


def only(live: Live, kind: Kind, name: str) -> Manifest:
    """The one child of its kind."""
    live.ready(name)
    (child,) = live.children(kind, name)
    return child


def wanted(child: Manifest) -> Manifest:
    """What a child asks for, without what others note in it or what is read from models again."""
    told = {"clusterIP", "clusterIPs"}
    spec = {key: value for key, value in child.get("spec", {}).items() if key not in told}
    data = {key: value for key, value in child.get("data", {}).items() if key != "models"}
    return {"spec": spec, "data": data, "labels": child["metadata"].get("labels")}
