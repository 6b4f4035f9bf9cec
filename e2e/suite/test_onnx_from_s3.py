"""A file in the store becomes an API, and the status tells the truth about it."""

import hashlib

import numpy as np
import pytest

from e2e.demo import inference
from e2e.demo.checks import locally
from e2e.demo.kinds import MODEL_SERVICE
from e2e.demo.reach import reach
from e2e.suite.live import MODEL, QUESTION, Live
from e2e.suite.models import SAMPLES, scaling

# Of status.coldStart, in the order in which they happen.
PHASES = ("scheduled", "imagePull", "fetch", "verify", "configure", "load")


@pytest.mark.parametrize("protocol", ["HTTP", "gRPC"])
def test_predictions_are_those_of_the_file(live: Live, served: str, protocol: str) -> None:
    with reach(live.kubectl, served) as (http, grpc):
        send = (
            inference.over_http(http, question=QUESTION)
            if protocol == "HTTP"
            else inference.over_grpc(grpc, question=QUESTION)
        )
        answer = send(SAMPLES)
    np.testing.assert_allclose(answer, locally(scaling(2), samples=SAMPLES), rtol=1e-6)


def test_the_status_names_digest_and_tensors(live: Live, served: str) -> None:
    status = live.ready(served)["status"]
    tensor = {"dataType": "FP32", "shape": [-1, 4]}
    assert status["url"] == f"http://{served}.{live.namespace}.svc:8000"
    assert status["models"] == [
        {
            "name": MODEL,
            "version": 1,
            "digest": f"sha256:{hashlib.sha256(scaling(2)).hexdigest()}",
            "format": "ONNX",
            "loadedReplicas": 1,
            "inputs": [{"name": "x", **tensor}],
            "outputs": [{"name": "y", **tensor}],
        }
    ]


def test_get_shows_what_matters(live: Live, served: str) -> None:
    live.ready(served)
    head, row = live.kubectl.run("get", "msvc", served).splitlines()
    url = f"http://{served}.{live.namespace}.svc:8000"
    assert head.split() == ["NAME", "READY", "REASON", "URL", "REPLICAS", "VERSION", "AGE"]
    assert row.split()[:-1] == [served, "True", "Serving", url, "1", "1"]


def test_the_users_object_is_not_written_to(live: Live, served: str) -> None:
    live.ready(served)
    found = live.kubectl.run(
        "get", MODEL_SERVICE.name, served, "--output=jsonpath={.metadata}", "--show-managed-fields"
    )
    for field in ("finalizers", "annotations", "labels", "ownerReferences"):
        assert f'"{field}":' not in found


def test_the_status_tells_where_a_new_pod_spent_its_time(live: Live, served: str) -> None:
    told = live.ready(served)["status"]["coldStart"]
    lengths = {name: float(told[name].removesuffix("s")) for name in (*PHASES, "total")}
    assert told["slowest"] == max(PHASES, key=lambda name: lengths[name])
    # Kubernetes' times are whole seconds: each of the phases may be off by one at either end
    assert abs(sum(lengths[name] for name in PHASES) - lengths["total"]) < 2 * len(PHASES)
    assert told["pod"] in live.kubectl.run("get", "pods", "--output=name")
