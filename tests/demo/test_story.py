"""What the demo tells of a status, and when it stops following."""

from typing import Any

import pytest

from e2e.demo.story import End, end, facts


def service(*conditions: dict[str, str], observed: int = 2, **status: Any) -> dict[str, Any]:
    told = {"observedGeneration": observed, "conditions": list(conditions), **status}
    return {"metadata": {"name": "digits", "generation": 2}, "status": told}


def said(kind: str, status: str, reason: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": f"{reason} it is."}


READY = said("Ready", "True", "Serving")
TRAINING = said("Ready", "False", "Training")
STALLED = said("Stalled", "True", "TrainingDiverged")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"metadata": {"name": "digits", "generation": 1}}, None),
        (service(READY), End.READY),
        (service(READY, observed=1), None),
        (service(TRAINING), None),
        (service(TRAINING, STALLED), End.STALLED),
        (service(TRAINING, STALLED, observed=1), None),
        (service(TRAINING, said("Stalled", "False", "Fine")), None),
    ],
    ids=["new", "ready", "ready before", "at work", "stalled", "stalled before", "not stalled"],
)
def test_the_end(found: dict[str, Any], expected: End | None) -> None:
    assert end(found) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            {"metadata": {"name": "digits", "generation": 1}},
            {"state": "the operator has not looked at it yet"},
        ),
        (
            service(
                TRAINING,
                training=[
                    {
                        "model": "digits",
                        "phase": "Training",
                        "epoch": 3,
                        "epochs": 20,
                        "loss": "0.4",
                        "metrics": {"testLoss": "0.5", "accuracy": "0.93"},
                        "eta": "1m5s",
                    }
                ],
            ),
            {
                "training digits": "epoch 3/20, loss 0.4, accuracy 0.93, testLoss 0.5, 1m5s to go",
                "state": "Training: Training it is.",
            },
        ),
        (
            service(
                READY,
                version="1",
                replicas=2,
                readyReplicas=1,
                training=[{"model": "digits", "phase": "Succeeded", "version": 1, "loss": "0.02"}],
            ),
            {
                "training digits": "version 1 is registered, loss 0.02",
                "pods": "1 of 2 ready, version 1",
                "state": "Ready: Serving it is.",
            },
        ),
        (
            service(READY, said("TrainingComplete", "False", "TrainingDiverged")),
            {
                "state": "Ready: Serving it is.",
                "training": "TrainingDiverged: TrainingDiverged it is.",
            },
        ),
        (
            service(TRAINING, said("TrainingComplete", "False", "Training")),
            {"state": "Training: Training it is."},
        ),
    ],
    ids=["new", "epochs", "served", "retraining failed", "told once"],
)
def test_facts(found: dict[str, Any], expected: dict[str, str]) -> None:
    assert facts(found) == expected
