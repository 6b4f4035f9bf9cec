"""An update that cannot work takes nothing away from what serves, and a better one takes over."""

import pytest

from e2e.demo.kinds import MODEL_SERVICE, POD
from e2e.demo.kubectl import condition
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, pods_of, service, uids


def test_a_file_that_is_no_model(live: Live, apply: Apply) -> None:
    name = apply(service("broken", model(live.scaling(3))))
    live.ready(name)
    pods = uids(live.pods(name))

    broken = live.uri("broken.onnx")
    live.bucket.put(b"\x08\x08 this is no model", uri=broken)
    live.apply(service(name, model(broken)))
    stalled = live.told(name, "Stalled", status="True")
    assert condition(stalled, "Stalled")["reason"] in {"ModelInvalid", "FormatUnsupported"}
    assert broken in condition(stalled, "Ready")["message"]
    assert condition(stalled, "Available")["status"] == "True"
    assert live.serves(name, 3)
    assert uids(live.pods(name)) == pods

    live.apply(service(name, model(live.scaling(5))))
    live.ready(name)
    assert live.serves(name, 5)


@pytest.mark.parametrize("strategy", ["Surge", "Replace"])
def test_bytes_that_differ_from_the_stated_digest(live: Live, apply: Apply, strategy: str) -> None:
    rollout = {"strategy": strategy}
    name = apply(service(f"digest-{strategy.lower()}", model(live.scaling(3)), rollout=rollout))
    live.ready(name)
    wrong = model(live.scaling(5), source={"sha256": "0" * 64})
    live.apply(service(name, wrong, rollout=rollout))
    live.told(name, "Stalled", status="True", reason="DigestMismatch")
    assert live.serves(name, 3)

    live.apply(service(name, model(live.scaling(3)), rollout=rollout))
    live.ready(name)
    live.kubectl.wait_all(
        POD, lambda pods: len(pods) == 1, selector=pods_of(name, component="serving")
    )
    assert live.serves(name, 3)
    assert "Stalled" not in conditions(live, name)


def conditions(live: Live, name: str) -> set[str]:
    found = live.kubectl.get(MODEL_SERVICE, name)
    assert found is not None
    return {item["type"] for item in found["status"]["conditions"]}
