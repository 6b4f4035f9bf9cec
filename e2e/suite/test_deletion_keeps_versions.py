"""Deleting a service removes what it owns and nothing else; made again, it serves at once."""

from e2e.demo.kinds import (
    AUTOSCALER,
    BUDGET,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    JOB,
    MODEL_SERVICE,
    MODEL_VERSION,
    NETWORK_POLICY,
    POD,
    REPLICA_SET,
    SERVICE,
)
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, empty, service, trained, uids
from e2e.suite.models import line

OWNED = (
    SERVICE,
    DEPLOYMENT,
    REPLICA_SET,
    POD,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    BUDGET,
    NETWORK_POLICY,
    JOB,
    AUTOSCALER,
)


def test_children_go_and_versions_stay(live: Live, served: str, apply: Apply) -> None:
    uri = live.uri("line.npz")
    live.bucket.put(line(), uri=uri)
    manifest = service("again", trained(uri, seed=7))
    name = apply(manifest)
    live.ready(name)
    bystander = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bystander", "labels": {"team": "other"}},
        "data": {"modelservice": name},
    }
    live.apply(bystander)
    neighbours = uids(live.pods(served))
    (version,) = live.kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}")
    files = live.bucket.keys(f"s3://models/{live.namespace}/{name}/")

    live.kubectl.delete(MODEL_SERVICE, name)
    for kind in OWNED:
        live.kubectl.wait_all(kind, empty, selector=f"modelservice.io/name={name}")
    kept = live.kubectl.get(MODEL_VERSION, version["metadata"]["name"])
    assert kept is not None
    assert uids([kept]) == uids([version])
    assert kept["spec"] == version["spec"]
    assert live.bucket.keys(f"s3://models/{live.namespace}/{name}/") == files
    assert version["spec"]["artifact"]["uri"] in files
    assert live.kubectl.get(CONFIG_MAP, "bystander") is not None
    assert uids(live.pods(served)) == neighbours
    assert live.serves(served, 2)

    live.apply(manifest)
    status = live.ready(name)["status"]
    assert status["version"] == "1"
    assert status["training"][0]["phase"] == "Succeeded"
    assert live.children(JOB, name) == []
    assert uids(live.kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}")) == uids(
        [version]
    )
