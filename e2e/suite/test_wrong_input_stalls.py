"""What only a new spec can put right is named in its condition, and waits for that spec."""

import numpy as np

from e2e.demo.kinds import JOB
from e2e.demo.kubectl import condition
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service, trained
from e2e.suite.models import line


def test_tensors_that_the_model_does_not_have(live: Live, apply: Apply) -> None:
    stated = [{"name": "pixels", "dataType": "FP32", "shape": [-1, 4]}]
    name = apply(service("tensors", model(live.scaling(3), inputs=stated)))
    stalled = live.told(name, "Stalled", status="True", reason="TensorMismatch")
    assert "pixels" in condition(stalled, "Ready")["message"]
    assert condition(stalled, "Ready")["status"] == "False"

    live.apply(service(name, model(live.scaling(3))))
    live.ready(name)


def test_a_training_that_diverges(live: Live, apply: Apply) -> None:
    uri = live.uri("line.npz")
    live.bucket.put(line(), uri=uri)
    wild = {"name": "SGD", "learningRate": "1000"}
    name = apply(service("diverges", trained(uri, optimizer=wild)))
    stalled = live.told(name, "TrainingComplete", status="False", reason="TrainingDiverged")
    assert condition(stalled, "Stalled")["reason"] == "TrainingDiverged"
    assert "learning" in condition(stalled, "TrainingComplete")["message"]
    assert live.kubectl.run("get", "mver", f"--selector=modelservice.io/name={name}") == ""

    live.apply(service(name, trained(uri)))
    live.ready(name)


def test_a_retraining_that_fails_leaves_the_older_version_serving(live: Live, apply: Apply) -> None:
    uri = live.uri("line.npz")
    live.bucket.put(line(), uri=uri)
    name = apply(service("retrained", trained(uri, epochs=10)))
    live.ready(name)
    wild = {"name": "SGD", "learningRate": "1000"}
    live.apply(service(name, trained(uri, epochs=10, optimizer=wild)))
    failed = live.told(name, "TrainingComplete", status="False", reason="TrainingDiverged")
    assert condition(failed, "Ready")["status"] == "True"
    assert condition(failed, "Available")["status"] == "True"
    assert failed["status"]["version"] == "1"


def test_a_dataset_of_the_wrong_shape(live: Live, apply: Apply) -> None:
    uri = live.uri("narrow.npz")
    live.bucket.put(line(inputs=3), uri=uri)
    name = apply(service("shapes", trained(uri)))
    stalled = live.told(name, "TrainingComplete", status="False", reason="DatasetInvalid")
    message = condition(stalled, "TrainingComplete")["message"]
    assert "[64, 3]" in message
    assert "[N, 10]" in message
    assert len(live.children(JOB, name)) == 1


def test_a_dataset_that_is_none(live: Live, apply: Apply) -> None:
    uri = live.uri("none.npz")
    live.bucket.put(np.zeros(8).tobytes(), uri=uri)
    name = apply(service("no-dataset", trained(uri)))
    live.told(name, "TrainingComplete", status="False", reason="DatasetInvalid")
