"""Load moves the number of pods, by a HorizontalPodAutoscaler on the service itself."""

from contextlib import ExitStack

import pytest

from e2e.demo.kinds import AUTOSCALER, MODEL_SERVICE
from e2e.demo.reach import HTTP, reach
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service
from e2e.suite.models import heavy
from e2e.suite.traffic import traffic

SENDERS = 4
CPU = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}

# From outside a cluster a tunnel leads to one pod: that shows nothing here.
pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.alone]


def test_load_adds_pods(live: Live, apply: Apply) -> None:
    uri = live.uri("heavy.onnx")
    live.bucket.put(heavy(), uri=uri)
    autoscaling = {
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [{"type": "CPU", "cpu": {"targetUtilization": 60}}],
    }
    manifest = service("scaled", model(uri), autoscaling=autoscaling, serving={"resources": CPU})
    name = apply(manifest)
    live.ready(name)
    live.told(name, "Scaling", status="True", reason="Active")
    with reach(live.kubectl, name, ports=[HTTP]) as (address,), ExitStack() as stack:
        records = [stack.enter_context(traffic(address)) for _ in range(SENDERS)]
        live.kubectl.wait(
            MODEL_SERVICE, name, lambda found: found["status"].get("readyReplicas", 0) > 1
        )
    assert [record.failures for record in records] == [[]] * SENDERS
    scaled = live.kubectl.get(MODEL_SERVICE, name)
    assert scaled is not None
    assert scaled["spec"]["serving"]["replicas"] > 1

    (scaler,) = live.children(AUTOSCALER, name)
    live.kubectl.delete(AUTOSCALER, scaler["metadata"]["name"])
    again = live.kubectl.wait(
        AUTOSCALER,
        scaler["metadata"]["name"],
        lambda found: found["metadata"]["uid"] != scaler["metadata"]["uid"],
    )
    assert again["spec"] == scaler["spec"]
