"""Names of classes come back in place of scores, to those who ask for a classification."""

from types import ModuleType

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

from e2e.demo.inference import Question
from e2e.demo.kubectl import condition
from e2e.demo.reach import reach
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, QUESTION, Live, model, service
from e2e.suite.models import SAMPLES

LABELS = ["cat", "dög", "owl", 'a "quoted" one']
WHOLE = {
    "name": "whole",
    "ensemble": {"steps": [{"model": MODEL, "inputs": {"x": "raw"}, "outputs": {"y": "out"}}]},
    "maxBatchSize": 8,
}


@pytest.fixture(scope="module")
def labelled(live: Live) -> str:
    """The name of a service whose model names its four classes, alone and in an ensemble."""
    labels = [{"output": "y", "values": LABELS}]
    live.apply(service("labelled", model(live.scaling(2), labels=labels), WHOLE))
    live.ready("labelled")
    return "labelled"


@pytest.mark.parametrize(
    "question",
    [QUESTION, Question(model="whole", input="raw", output="out")],
    ids=lambda q: q.model,
)
@pytest.mark.parametrize("protocol", ["HTTP", "gRPC"])
def test_a_classification_names_the_best_classes(
    live: Live, labelled: str, protocol: str, question: Question
) -> None:
    library: ModuleType = tritonclient.http if protocol == "HTTP" else tritonclient.grpc
    with reach(live.kubectl, labelled) as (http, grpc):
        client = library.InferenceServerClient(http if protocol == "HTTP" else grpc)
        tensor = library.InferInput(question.input, list(SAMPLES.shape), "FP32")
        tensor.set_data_from_numpy(SAMPLES)
        wanted = library.InferRequestedOutput(question.output, class_count=2)
        answer = client.infer(question.model, [tensor], outputs=[wanted])
        classes = answer.as_numpy(question.output)
    told = [[text.decode() for text in row] for row in classes]
    best = [(2 * row[3], 2 * row[2]) for row in SAMPLES]
    assert told == [[f"{one:f}:3:{LABELS[3]}", f"{two:f}:2:{LABELS[2]}"] for one, two in best]


def test_who_does_not_ask_gets_the_scores(live: Live, labelled: str) -> None:
    assert np.isclose(live.factor(labelled), 2)


def test_a_number_of_labels_that_the_output_does_not_have(live: Live, apply: Apply) -> None:
    labels = [{"output": "y", "values": LABELS[:3]}]
    name = apply(service("mislabelled", model(live.scaling(2), labels=labels)))
    stalled = live.told(name, "Stalled", status="True", reason="TensorMismatch")
    assert "has 4 classes, and 3 labels are given" in condition(stalled, "Stalled")["message"]
