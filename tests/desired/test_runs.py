"""A run's hash is a promise: an upgrade of the operator must not retrain the world."""

from __future__ import annotations

from typing import Any

import yaml

from modelservice_operator.api import Training
from modelservice_operator.desired.runs import run_hash
from tests.golden.files import Golden

BASE: dict[str, Any] = {"recipe": "cnn", "dataset": {"uri": "s3://data/d.npz"}}
SPECS: dict[str, dict[str, Any]] = {
    "least": BASE,
    "linear": {**BASE, "recipe": "linear"},
    "epochs": {**BASE, "epochs": 20},
    "dataset digest": {**BASE, "dataset": {"uri": "s3://data/d.npz", "sha256": "a" * 64}},
    "optimizer": {**BASE, "optimizer": {"name": "Adam", "learningRate": "0.001"}},
    "momentum": {**BASE, "optimizer": {"name": "SGD", "momentum": "0.9"}},
    "architecture": {
        "dataset": BASE["dataset"],
        "loss": "MSE",
        "architecture": {
            "input": {"shape": [-1, 4]},
            "layers": [{"type": "LSTM", "units": 8}, {"type": "Dense", "units": 1}],
        },
    },
    "decay": {**BASE, "optimizer": {"name": "AdamW", "weightDecay": "0.1"}},
    "schedule": {**BASE, "optimizer": {"name": "Adam", "schedule": {"name": "Cosine"}}},
    "early stop": {**BASE, "earlyStop": {"patience": 5}},
    "batch size": {**BASE, "batchSize": 64},
    "target loss": {**BASE, "targetLoss": "0.02"},
    "seed": {**BASE, "seed": 7},
    "loss": {**BASE, "loss": "CrossEntropy"},
}


def _hash(spec: dict[str, Any]) -> str:
    return run_hash(Training.model_validate(spec))


def test_hashes_never_change(golden: Golden) -> None:
    hashes = {name: _hash(spec) for name, spec in SPECS.items()}
    golden.check("run_hashes.yaml", yaml.safe_dump(hashes))


def test_what_makes_another_model_makes_another_run() -> None:
    hashes = [_hash(spec) for spec in SPECS.values()]
    assert len(set(hashes)) == len(hashes)


def test_what_makes_no_other_model_makes_no_other_run() -> None:
    same: list[dict[str, Any]] = [
        {**BASE, "seed": 0},
        {**BASE, "resources": {"requests": {"cpu": "4"}}},
        {**BASE, "gpu": {"count": 1}},
        {**BASE, "activeDeadline": "2h"},
        {**BASE, "dataset": {**BASE["dataset"], "secretRef": {"name": "other"}}},
    ]
    assert {_hash(spec) for spec in same} == {_hash(BASE)}
    optimizer = {"name": "Adam", "learningRate": "1e-3"}
    assert _hash({**BASE, "optimizer": optimizer}) == _hash(SPECS["optimizer"])
