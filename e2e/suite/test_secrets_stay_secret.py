"""What a Secret holds is known to the programs that need it, and to nothing else on the cluster.

`make security` searches for the same on simulated nodes; here are real pods: their logs, command
lines and environment, and what the kubelet makes of a user's text.
"""

import json
from collections.abc import Iterator

import pytest

from e2e.demo import bucket
from e2e.demo.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    EVENT,
    JOB,
    MODEL_SERVICE,
    MODEL_VERSION,
    POD,
)
from e2e.demo.kubectl import Manifest
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service, trained
from e2e.suite.models import line
from e2e.suite.node import Node

pytestmark = pytest.mark.slow

SEEN = (MODEL_SERVICE, MODEL_VERSION, DEPLOYMENT, CONTROLLER_REVISION, CONFIG_MAP, JOB, POD, EVENT)
DOLLARS = "$(PATH)/$$(HOME)/$(MODELSERVICE_S3_ENDPOINT)$.npz"


@pytest.mark.embedded
def test_no_value_of_a_secret_leaves_it(live: Live, node: Node, apply: Apply) -> None:
    storage = live.around.storage
    live.apply(bucket.secret(storage, name="opens"))
    denied = bucket.secret(storage, name="denied")
    denied["stringData"] |= {"AWS_SECRET_ACCESS_KEY": "canary-of-a-wrong-key"}
    live.apply(denied)
    uri = live.scaling(3)
    served = apply(service("opened", model(uri, source={"secretRef": {"name": "opens"}})))
    refused = apply(service("denied", model(uri, source={"secretRef": {"name": "denied"}})))
    live.ready(served)
    live.told(refused, "Ready", status="False", reason="AccessDenied")

    texts = {storage.secret["AWS_SECRET_ACCESS_KEY"], "canary-of-a-wrong-key"}
    places = {kind.name: json.dumps(live.kubectl.list(kind)) for kind in SEEN}
    for name in (served, refused):
        for component in ("serving", "check"):
            for pod in live.pods(name, component=component):
                places |= dict(_of_pod(live, node, pod=pod))
    assert len(places) > len(SEEN) + 3
    assert [
        (place, text) for place, content in places.items() for text in texts if text in content
    ] == []


def _of_pod(live: Live, node: Node, *, pod: Manifest) -> Iterator[tuple[str, str]]:
    """Logs of a pod, and what its processes were started with."""
    name = pod["metadata"]["name"]
    containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
    for container in containers:
        log = live.kubectl.run("logs", name, f"--container={container['name']}", seconds=60.0)
        yield f"log of {name} {container['name']}", log
    for number, text in enumerate(node.started_with(pod)):
        yield f"process {number} of {name}", text


def test_a_text_with_dollars_is_what_its_user_wrote(live: Live, apply: Apply) -> None:
    """The kubelet puts variables in the place of $(NAME); the trainer must not see those."""
    uri = live.uri(DOLLARS)
    live.bucket.put(line(), uri=uri)
    name = apply(service("dollars", trained(uri)))
    live.ready(name)
    (version,) = live.kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}")
    assert version["spec"]["lineage"]["dataset"]["uri"] == uri
