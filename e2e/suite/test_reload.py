"""Other models in the pods that serve: no pod starts, and no request is lost."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from e2e.demo import inference
from e2e.demo.kinds import CONFIG_MAP, DEPLOYMENT, MODEL_SERVICE, POD
from e2e.demo.kubectl import Manifest
from e2e.demo.reach import reach
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, QUESTION, Live, factor, model, restarts, service, uids
from e2e.suite.traffic import Record, stream, traffic

# From outside a cluster a tunnel leads to one pod: that shows nothing here.
pytestmark = pytest.mark.embedded
RATE = 25.0  # requests a second, over HTTP and gRPC each
RELOADS = 10
MINUTES = 2.0
# A push as a stranger makes it, who knows all but the key: unsigned, and signed with another key.
STRANGER = """
import base64, hashlib, json, sys, time, urllib.error, urllib.request
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
address, told, document = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode()
now = time.time_ns() // 1000
told |= {"issuedAt": now, "expiresAt": now + 60_000_000}
told["sha256"] = hashlib.sha256(document).hexdigest()
push = json.dumps(told).encode()
signature = Ed25519PrivateKey.generate().sign(b"modelservice.io push v1\\n" + push)
signed = {"Modelservice-Push": push, "Modelservice-Signature": signature}
for headers in {}, {name: base64.b64encode(text).decode() for name, text in signed.items()}:
    request = urllib.request.Request(f"http://{address}/document", document, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(answer.status)
    except urllib.error.HTTPError as error:
        print(error.code, json.load(error)["reason"])
"""


@contextmanager
def steady(live: Live, name: str, *, rate: float = RATE) -> Iterator[list[Record]]:
    """A steady load over HTTP and gRPC, and new connections beside it."""
    with (
        reach(live.kubectl, name) as (http, grpc),
        stream(inference.over_http(http, question=QUESTION), rate=rate) as over_http,
        stream(inference.over_grpc(grpc, question=QUESTION), rate=rate) as over_grpc,
        traffic(http) as others,
    ):
        yield [over_http, over_grpc, others]


def test_a_new_model_comes_into_the_pods_that_serve(live: Live, apply: Apply) -> None:
    serving = {"replicas": 2}
    name = apply(service("reload", model(live.scaling(3)), serving=serving))
    before = live.ready(name)["status"]
    pods = uids(live.pods(name))

    with steady(live, name) as records:
        live.apply(service(name, model(live.scaling(5)), serving=serving))
        after = live.ready(name)["status"]

    for record in records:
        assert record.failures == []
        assert set(record.factors) == {3.0, 5.0}
    assert uids(live.pods(name)) == pods
    assert [restarts(pod) for pod in live.pods(name)] == [0, 0]
    assert len(live.children(DEPLOYMENT, name)) == 1
    origins = [documents(live, pod) for pod in live.pods(name)]
    assert [sum(counts.values()) for counts in origins] == [1, 1]
    # One pod's mount may have been due in that very second.
    assert sum(counts["push"] for counts in origins) >= 1
    (told,) = after["models"]
    assert (told["version"], told["loadedReplicas"]) == (2, 2)
    assert told["digest"] != before["models"][0]["digest"]
    assert after["selector"] == before["selector"]

    live.kubectl.run("scale", MODEL_SERVICE.name, name, "--replicas=3")
    grown = live.kubectl.wait(MODEL_SERVICE, name, has_ready(3))
    assert grown["status"]["models"][0]["loadedReplicas"] == 3
    assert live.serves(name, 5)


def test_models_come_and_go_in_the_pods_that_serve(live: Live, apply: Apply) -> None:
    first, second = model(live.scaling(3)), {**model(live.scaling(5)), "name": "second"}
    name = apply(service("reload-set", first))
    live.ready(name)
    pods = uids(live.pods(name))

    live.apply(service(name, first, second))
    assert loaded(live.ready(name)) == {MODEL: 1, "second": 1}
    with reach(live.kubectl, name) as (http, _):
        asked = inference.Question(model="second", input="x", output="y")
        assert factor(inference.over_http(http, question=asked)) == 5

    live.apply(service(name, second))
    assert loaded(live.ready(name)) == {"second": 1}
    assert uids(live.pods(name)) == pods


def test_a_stranger_cannot_tell_pods_what_to_serve(live: Live, apply: Apply) -> None:
    """The development cluster enforces no NetworkPolicy: whoever has a pod gets to the port."""
    name = apply(service("closed", model(live.scaling(3))))
    live.ready(name)
    (pod,) = live.pods(name)
    (volume,) = (one for one in pod["spec"]["volumes"] if one["name"] == "config")
    config = live.kubectl.get(CONFIG_MAP, volume["configMap"]["name"])
    assert config is not None
    assert json.loads(config["data"]["push-keys.json"])["keys"]
    document = json.loads(config["data"]["models.json"])
    document["models"][0]["uri"] = live.scaling(5)
    document |= {"revision": "0123456789", "sequence": 2**40}
    told = {"pod": pod["metadata"]["uid"], "namespace": live.namespace, "service": name}

    live.apply(stranger(pod, told=told, document=document))
    try:
        live.kubectl.wait(POD, "stranger", lambda found: found["status"]["phase"] == "Succeeded")
        said = live.kubectl.run("logs", "stranger").splitlines()
    finally:
        live.kubectl.delete(POD, "stranger")

    assert said == ["401 NotSigned", "401 NotSigned"]
    assert 'modelservice_agent_documents_refused_total{reason="NotSigned"} 2.0' in metrics(
        live, pod
    )
    assert documents(live, pod) == {"mount": 0, "push": 0}
    assert live.serves(name, 3)


def stranger(pod: Manifest, *, told: Manifest, document: Manifest) -> Manifest:
    """Another pod of the namespace, with the image of the agent and none of its rights."""
    address = f"{pod['status']['podIP']}:8004"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "stranger",
                    "image": pod["spec"]["initContainers"][0]["image"],
                    "command": ["python3", "-c", STRANGER],
                    "args": [address, json.dumps(told), json.dumps(document)],
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


@pytest.mark.slow
def test_ten_reloads_on_three_pods_lose_no_request(live: Live, apply: Apply) -> None:
    serving = {"replicas": 3}
    name = apply(service("reloads", model(live.scaling(1)), serving=serving))
    live.ready(name)
    pods = uids(live.pods(name))

    for factor_before in range(1, RELOADS + 1):
        wanted = factor_before + 1
        over = time.monotonic() + 60 * MINUTES
        with steady(live, name, rate=2 * RATE) as records:
            live.apply(service(name, model(live.scaling(wanted)), serving=serving))
            after = live.ready(name)["status"]
            threading.Event().wait(max(0.0, over - time.monotonic()))
        for record in records:
            assert record.failures == []
            assert set(record.factors) == {float(factor_before), float(wanted)}
        for kept in records[:2]:
            assert sum(kept.factors.values()) > 0.9 * 60 * MINUTES * 2 * RATE
        assert loaded({"status": after}) == {MODEL: 3}
        assert uids(live.pods(name)) == pods
    assert [restarts(pod) for pod in live.pods(name)] == [0, 0, 0]


def metrics(live: Live, pod: Manifest) -> str:
    """What a pod's agent says to Prometheus."""
    path = f"/api/v1/namespaces/{live.namespace}/pods/{pod['metadata']['name']}:8002/proxy/metrics"
    return live.kubectl.run("get", "--raw", path)


def documents(live: Live, pod: Manifest) -> dict[str, int]:
    """How many documents brought a pod news, by the way that they came."""
    found = re.findall(
        r'^modelservice_agent_documents_total\{origin="(\w+)"\} (\S+)$',
        metrics(live, pod),
        re.MULTILINE,
    )
    return {origin: int(float(count)) for origin, count in found}


def has_ready(count: int) -> Callable[[Manifest], bool]:
    """Whether so many pods answer."""
    return lambda found: bool(found["status"].get("readyReplicas") == count)


def loaded(found: Manifest) -> dict[str, int]:
    """By model, how many pods have it."""
    return {item["name"]: item["loadedReplicas"] for item in found["status"]["models"]}
