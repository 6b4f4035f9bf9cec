"""Files of formats that cannot be served are refused by what they are, before a pod is made. Those
that can be served are examples (`test_examples`)."""

from collections.abc import Callable
from typing import Any

from e2e.suite.examples import FILES
from e2e.suite.live import Live, model, service


def tensor(name: str, width: int) -> dict[str, Any]:
    return {"name": name, "dataType": "FP32", "shape": [-1, width]}


def test_a_plan_without_a_gpu_is_refused_before_a_pod_is_made(
    live: Live, apply: Callable[..., str]
) -> None:
    uri = live.uri("model.plan")
    live.bucket.put(b"ftrt" + bytes(4096), uri=uri)
    stated = {"inputs": [tensor("x", 4)], "outputs": [tensor("y", 4)]}
    name = apply(service("plan", model(uri, **stated)))
    stalled = live.told(name, "Stalled", status="True", reason="FormatUnsupported")
    messages = [item["message"] for item in stalled["status"]["conditions"]]
    assert any("runs on GPUs alone" in message for message in messages)
    assert live.pods(name) == []


def test_a_pickle_is_refused_by_what_it_is(live: Live, apply: Callable[..., str]) -> None:
    uri = live.uri("checkpoint.pt")
    live.bucket.put((FILES / "checkpoint-2.6.pt").read_bytes(), uri=uri)
    name = apply(service("checkpoint", model(uri)))
    stalled = live.told(name, "Stalled", status="True", reason="FormatUnsupported")
    messages = [item["message"] for item in stalled["status"]["conditions"]]
    assert any("a PyTorch checkpoint" in message for message in messages)
