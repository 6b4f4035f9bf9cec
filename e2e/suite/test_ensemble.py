"""Models joined by an ensemble answer as one, and models that do not fit never reach a pod."""

import numpy as np
import pytest

from e2e.demo import inference
from e2e.demo.inference import Question
from e2e.demo.kinds import JOB
from e2e.demo.kubectl import Manifest, condition
from e2e.demo.reach import reach
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, Live, model, service
from e2e.suite.models import SAMPLES

WHOLE = "whole"
ASKED = Question(model=WHOLE, input="raw", output="out")
STEPS = [
    {"model": MODEL, "inputs": {"x": "raw"}, "outputs": {"y": "middle"}},
    {"model": "last", "inputs": {"x": "middle"}, "outputs": {"y": "out"}},
]


def ensemble(**more: object) -> Manifest:
    return {"name": WHOLE, "maxBatchSize": 4, "ensemble": {"steps": STEPS}, **more}


def members(live: Live, *, first: float = 2, last: float = 3) -> list[Manifest]:
    """Two models that multiply."""
    other = {**model(live.scaling(last)), "name": "last"}
    return [model(live.scaling(first)), other]


@pytest.mark.parametrize("protocol", ["HTTP", "gRPC"])
def test_an_ensemble_answers_as_its_models_do_one_after_another(
    live: Live, joined: str, protocol: str
) -> None:
    with reach(live.kubectl, joined) as (http, grpc):
        send = (
            inference.over_http(http, question=ASKED)
            if protocol == "HTTP"
            else inference.over_grpc(grpc, question=ASKED)
        )
        answer = send(SAMPLES)
    np.testing.assert_allclose(answer, 6 * SAMPLES, rtol=1e-6)


def test_the_status_lists_the_ensemble_with_its_tensors(live: Live, joined: str) -> None:
    tensor = {"dataType": "FP32", "shape": [-1, 4]}
    models = live.ready(joined)["status"]["models"]
    assert models[0] == {
        "name": WHOLE,
        "version": 1,
        "loadedReplicas": 1,
        "inputs": [{"name": "raw", **tensor}],
        "outputs": [{"name": "out", **tensor}],
    }
    assert [item["name"] for item in models] == [WHOLE, MODEL, "last"]


def test_models_that_do_not_fit_are_found_by_the_check(live: Live, apply: Apply) -> None:
    stated = [{"name": "raw", "dataType": "FP32", "shape": [-1, 5]}]
    name = apply(service("unfit", ensemble(inputs=stated), *members(live)))
    stalled = live.told(name, "Stalled", status="True", reason="TensorMismatch")
    assert "raw has shape [-1, 4], not [-1, 5]" in condition(stalled, "Stalled")["message"]
    assert live.pods(name) == []


def test_a_circle_is_refused_in_the_status(live: Live, apply: Apply) -> None:
    steps = [{"model": MODEL, "inputs": {"x": "a"}, "outputs": {"y": "a"}}]
    circle = ensemble(ensemble={"steps": steps})
    name = apply(service("circle", circle, *members(live)))
    stalled = live.told(name, "Stalled", status="True", reason="InvalidSpec")
    assert "waits for its own tensor" in condition(stalled, "Stalled")["message"]
    assert live.children(JOB, name) == []


@pytest.fixture(scope="module")
def joined(live: Live) -> str:
    """The name of a service whose ensemble multiplies by 6."""
    live.apply(service("joined", ensemble(), *members(live)))
    live.ready("joined")
    return "joined"
