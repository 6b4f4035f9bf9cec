"""The executor's judgement: which requests run as one batch, and who fails when one cannot.

Triton's and onnxruntime's modules exist only in a Triton image; here stand-ins take their place
under the same names. That tensors pass rightly between the real ones is for e2e to show.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.triton import pulse
from tests.runtime.triton.stand_ins import Tensor, arguments, executor

Load = Callable[..., Any]


class Session:
    """A runtime session: y = 2·x summed over the last axis; a negative number is an error."""

    runs: list[int]

    def __init__(self, path: str, **options: Any) -> None:
        assert path.endswith("1/model.onnx")
        self.options = options
        self.runs = []

    def run(self, outputs: list[str], feed: dict[str, Any]) -> list[Any]:
        assert outputs == ["y"]
        self.runs.append(len(feed["x"]))
        if (feed["x"] < 0).any():
            raise ValueError("a negative number")
        return [2 * feed["x"].sum(axis=-1, keepdims=True)]


class Options:
    intra_op_num_threads = 0
    inter_op_num_threads = 0

    def add_session_config_entry(self, key: str, value: str) -> None:
        assert key == "session.intra_op.allow_spinning"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The executor's module, with stand-ins for what only a Triton image has."""
    onnxruntime = ModuleType("onnxruntime")
    onnxruntime.SessionOptions = Options  # type: ignore[attr-defined]
    onnxruntime.InferenceSession = Session  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, onnxruntime.__name__, onnxruntime)
    return executor(monkeypatch)


CONFIG = {
    "max_batch_size": 8,
    "input": [{"name": "x", "data_type": "TYPE_FP32"}],
    "output": [{"name": "y", "data_type": "TYPE_FP32"}],
    "parameters": {"intra_op_thread_count": {"string_value": "3"}},
}


@pytest.fixture
def load(module: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make an instance of the executor, as Triton does."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").touch()
    pulse.prepare(tmp_path / "1", instances=2)
    instances = []

    def make(**config: Any) -> Any:
        instance = module.TritonPythonModel()
        instance.initialize(arguments(tmp_path, config=json.dumps({**CONFIG, **config})))
        instances.append(instance)
        return instance

    yield make
    for instance in instances:
        instance.finalize()


def request(*rows: list[float]) -> dict[str, Tensor]:
    return {"x": Tensor("x", np.array(rows, np.float32))}


def answers(responses: list[Any]) -> list[Any]:
    return [response.error or response.tensors[0].array.ravel().tolist() for response in responses]


def test_requests_of_one_shape_run_as_one_batch(load: Load) -> None:
    model = load()
    got = model.execute([request([1, 2]), request([3, 4], [5, 6]), request([7, 8])])
    assert answers(got) == [[6], [14, 22], [30]]
    assert model._engine._session.runs == [4]


def test_other_shapes_run_apart_and_keep_their_place(load: Load) -> None:
    model = load()
    got = model.execute([request([1, 2]), request([1, 1, 1]), request([3, 4])])
    assert answers(got) == [[6], [6], [14]]
    assert sorted(model._engine._session.runs) == [1, 2]


def test_a_request_that_cannot_run_fails_alone(load: Load) -> None:
    model = load()
    got = model.execute([request([1, 2]), request([-1, 0]), request([3, 4]), {}])
    assert answers(got) == [
        [6],
        "model execution: a negative number",
        [14],
        "model execution: input x is missing",
    ]


def test_without_batches_nothing_is_joined(load: Load) -> None:
    model = load(max_batch_size=0)
    assert answers(model.execute([request([1, 2]), request([3, 4])])) == [[6], [14]]
    assert model._engine._session.runs == [1, 1]


def test_what_triton_tells_of_a_sequence_goes_into_the_model(load: Load) -> None:
    """Controls are no inputs of the configuration, but the model has them."""
    model = load(sequence_batching={"control_input": [{"name": "START", "control": []}]})
    one = {**request([1, 2]), "START": Tensor("START", np.array([[1]], np.int32))}
    seen: list[dict[str, Any]] = []
    run = model._engine.run
    model._engine.run = lambda feed: seen.append(feed) or run(feed)
    assert answers(model.execute([one, one])) == [[6], [6]]
    assert seen[0]["START"].tolist() == [[1], [1]]


def test_threads_are_what_the_configuration_says(load: Load) -> None:
    model = load()
    assert model._engine._session.options["sess_options"].intra_op_num_threads == 3
    assert model._engine._session.options["providers"] == ["CPUExecutionProvider"]
    unsaid = load(parameters={}, instance_group=[{"count": 1000}])
    assert unsaid._engine._session.options["sess_options"].intra_op_num_threads == 1


def test_each_instance_shows_that_it_lives(load: Load, tmp_path: Path) -> None:
    watch = pulse.Pulse(tmp_path / "1", instances=2)
    first = load()
    assert not watch.lost()
    second = load()
    assert not watch.lost()
    first.finalize()
    assert watch.lost()
    assert second is not first


NOISE = "Schema error: Trying to register schema with name Abs (domain:  version: 1) …"


def test_only_the_known_noise_is_swallowed(
    load: Load, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def noisy(session: Session, path: str, **options: Any) -> None:
        session.options, session.runs = options, []
        os.write(2, f"{NOISE}\n\na real warning\n{NOISE}\n".encode())

    monkeypatch.setattr(Session, "__init__", noisy)
    load()
    assert capfd.readouterr().err == "a real warning\n"
