"""What a version says of its training: every parameter by a name of its own, each within bounds."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import Model, parse_version
from modelservice_operator.desired.child import Owner
from modelservice_operator.desired.model_version import model_version
from modelservice_operator.desired.runs import Run
from modelservice_operator.observed.jobs import JobVerdict, Phase

DATASET = {"uri": "s3://data/d.npz"}
OWNER = Owner("default", "digits", "uid-1")
RESULT: dict[str, Any] = {
    "uri": "s3://models/m.onnx",
    "digest": f"sha256:{'a' * 64}",
    "size": 10,
    "format": "ONNX",
    "loss": "0.1",
    "metrics": {"accuracy": "0.9"},
    "dataset": {**DATASET, "digest": f"sha256:{'b' * 64}"},
}


def parameters(**training: Any) -> dict[str, str]:
    model = Model.model_validate({"name": "digits", "training": {"dataset": DATASET, **training}})
    run = Run(
        model=model,
        hash="0123456789",
        job_name="digits-digits-train-0123456789",
        verdict=JobVerdict(phase=Phase.SUCCEEDED, result=RESULT),
        image="trainer:1",
        version=None,
        serving=None,
        next_number=1,
        progress={},
    )
    manifest = model_version(run, owner=OWNER).manifest
    parse_version({**manifest, "metadata": {**manifest["metadata"], "uid": "1", "generation": 1}})
    found: dict[str, str] = manifest["spec"]["lineage"]["parameters"]
    return found


def test_parts_of_parts_have_names_of_their_own() -> None:
    schedule = {"name": "Step", "every": 5, "warmupEpochs": 2}
    optimizer = {"name": "AdamW", "weightDecay": "0.1", "schedule": schedule}
    found = parameters(recipe="cnn", optimizer=optimizer, earlyStop={"patience": 3}, epochs=7)
    assert found == {
        "recipe": "cnn",
        "optimizer": "AdamW",
        "weightDecay": "0.1",
        "schedule": "Step",
        "schedule.every": "5",
        "schedule.warmupEpochs": "2",
        "earlyStop.patience": "3",
        "epochs": "7",
        "batchSize": "0",
        "seed": "0",
    }


def test_an_architecture_is_told_in_a_few_words() -> None:
    layers = [{"type": "LSTM", "units": 8}, {"type": "Dense", "units": 1}]
    found = parameters(
        architecture={"input": {"shape": [-1, 4]}, "layers": layers * 16}, loss="MSE"
    )
    assert found["architecture"].startswith("[-1, 4] LSTM(8) Dense(1) LSTM(8) Dense(1)")
    assert len(found["architecture"]) == 256
