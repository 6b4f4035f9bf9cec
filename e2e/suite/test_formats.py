"""Files of other formats than ONNX are served, and their numbers are those of a closed formula."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

from e2e.demo.reach import reach
from e2e.images.places import CHECKOUT
from e2e.suite.live import Live, model, service

FILES = CHECKOUT / "tests/runtime/formats/files"  # make.py there says how torch made them
WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 10 - np.float32(0.5)
BIAS = np.array([0.5, -0.5, 0.25], np.float32)
TOLERANCE = 1e-5
PROTOCOLS = {"HTTP": tritonclient.http, "gRPC": tritonclient.grpc}


def tensor(name: str, width: int) -> dict[str, Any]:
    return {"name": name, "dataType": "FP32", "shape": [-1, width]}


INPUTS = [tensor("x", 4), tensor("y", 3)]
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "scripted": (
        "scripted-2.6.pt",
        {"inputs": INPUTS, "outputs": [tensor("OUTPUT__0", 3), tensor("OUTPUT__1", 1)]},
        {"format": "TorchScript", "outputs": [tensor("OUTPUT__0", 3), tensor("OUTPUT__1", 1)]},
    ),
    "exported": (
        "program-2.6.pt2",
        {"source": {"format": "TorchExport"}},
        {"format": "TorchExport", "outputs": [tensor("add", 3), tensor("sum_1", 1)]},
    ),
}


def formula(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What both files compute."""
    h = np.maximum(x @ WEIGHT.T + BIAS, 0) + 1
    return h, (h * y).sum(axis=1, keepdims=True)


def infer(library: Any, address: str, *, inputs: dict[str, np.ndarray]) -> Callable[[str], Any]:
    """One request to the model `scaling`; the answer by the names of its outputs."""
    tensors = []
    for name, value in inputs.items():
        one = library.InferInput(name, list(value.shape), "FP32")
        one.set_data_from_numpy(value)
        tensors.append(one)
    answer = library.InferenceServerClient(address).infer("scaling", tensors)
    found: Callable[[str], Any] = answer.as_numpy
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_file_of_torch_is_served_as_it_computes(
    case: str, live: Live, apply: Callable[..., str]
) -> None:
    file, spec, told = CASES[case]
    uri = live.uri(file)
    live.bucket.put((FILES / file).read_bytes(), uri=uri)
    name = apply(service(case, model(uri, **spec)))
    status = live.ready(name)["status"]["models"][0]
    assert status["inputs"] == INPUTS
    assert {key: status[key] for key in told} == told
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((5, width)).astype(np.float32) for width in (4, 3))
    with reach(live.kubectl, name) as addresses:
        for library, address in zip(PROTOCOLS.values(), addresses, strict=True):
            answer = infer(library, address, inputs={"x": x, "y": y})
            for output, wanted in zip(told["outputs"], formula(x, y), strict=True):
                np.testing.assert_allclose(answer(output["name"]), wanted, rtol=TOLERANCE)


def test_a_pickle_is_refused_by_what_it_is(live: Live, apply: Callable[..., str]) -> None:
    uri = live.uri("checkpoint.pt")
    live.bucket.put((FILES / "checkpoint-2.6.pt").read_bytes(), uri=uri)
    name = apply(service("checkpoint", model(uri)))
    stalled = live.told(name, "Stalled", status="True", reason="FormatUnsupported")
    messages = [item["message"] for item in stalled["status"]["conditions"]]
    assert any("a PyTorch checkpoint" in message for message in messages)
