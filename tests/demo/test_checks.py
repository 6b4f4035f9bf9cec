"""The local run that served predictions are held against, and how latencies are told."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from e2e.demo.checks import locally, question
from e2e.demo.inference import Answers, Question, ask


def test_the_local_run_is_the_models_own_arithmetic() -> None:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "weights", "bias"], ["y"])],
        "line",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [2, 1], [2.0, -1.0]),
            helper.make_tensor("bias", TensorProto.FLOAT, [1], [0.5]),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    x = np.array([[1, 2], [3, 4]], dtype=np.float32)
    np.testing.assert_allclose(locally(model.SerializeToString(), samples=x), [[0.5], [2.5]])


def test_the_question_comes_from_the_status() -> None:
    model = {"name": "digits", "inputs": [{"name": "image"}], "outputs": [{"name": "scores"}]}
    assert question({"status": {"models": [model]}}) == Question("digits", "image", "scores")


def test_each_sample_is_one_request() -> None:
    sent: list[int] = []

    def send(samples: np.ndarray) -> np.ndarray:
        sent.append(len(samples))
        return samples * 2

    samples = np.arange(3, dtype=np.float32).reshape(3, 1)
    answers = ask(send, samples=samples)
    np.testing.assert_array_equal(answers.predictions, samples * 2)
    assert sent == [1] * 4
    assert answers.seconds.shape == (3,)


def test_latencies_are_told_in_milliseconds() -> None:
    answers = Answers(predictions=np.zeros(3), seconds=np.array([0.001, 0.002, 0.003]))
    assert answers.milliseconds(50) == pytest.approx(2.0)
    assert answers.milliseconds(99) == pytest.approx(2.98)
