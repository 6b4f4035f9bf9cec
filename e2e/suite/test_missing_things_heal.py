"""What is not there yet is named, waited for, and taken up when it comes."""

from e2e.demo import bucket
from e2e.demo.kinds import SERVICE
from e2e.demo.kubectl import condition
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service, trained
from e2e.suite.models import line, scaling


def test_a_secret(live: Live, apply: Apply) -> None:
    entry = model(live.scaling(3), source={"secretRef": {"name": "later"}})
    name = apply(service("secret", entry))
    waiting = live.told(name, "Ready", status="False", reason="SecretMissing")
    assert "later" in condition(waiting, "Ready")["message"]
    live.apply(bucket.secret(live.around.storage, name="later"))
    live.ready(name)
    assert live.serves(name, 3)


def test_a_file(live: Live, apply: Apply) -> None:
    uri = live.uri("comes-later.onnx")
    name = apply(service("file", model(uri)))
    waiting = live.told(name, "Ready", status="False", reason="SourceNotFound")
    assert uri in condition(waiting, "Ready")["message"]
    assert "Stalled" not in {item["type"] for item in waiting["status"]["conditions"]}
    live.bucket.put(scaling(3), uri=uri)
    live.ready(name)
    assert live.serves(name, 3)


def test_a_dataset(live: Live, apply: Apply) -> None:
    uri = live.uri("comes-later.npz")
    name = apply(service("dataset", trained(uri)))
    waiting = live.told(name, "TrainingComplete", status="False", reason="SourceNotFound")
    assert uri in condition(waiting, "TrainingComplete")["message"]
    live.bucket.put(line(), uri=uri)
    live.ready(name)


def test_a_name_that_is_taken(live: Live, apply: Apply) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken", "labels": {"team": "other"}},
        "spec": {"selector": {"app": "other"}, "ports": [{"port": 80}]},
    }
    live.apply(foreign)
    before = live.kubectl.get(SERVICE, "taken")
    name = apply(service("taken", model(live.scaling(3))))
    conflict = live.told(name, "Stalled", status="True", reason="NameConflict")
    assert "Service taken" in condition(conflict, "Ready")["message"]
    assert live.kubectl.get(SERVICE, "taken") == before

    live.kubectl.delete(SERVICE, "taken")
    live.ready(name)
    assert live.serves(name, 3)
