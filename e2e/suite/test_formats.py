"""Files of other formats than ONNX are served, and their numbers are those of a closed formula."""

import json
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


def safetensors(**arrays: np.ndarray) -> bytes:
    """A SafeTensors file, by the format's description."""
    header, data = {}, b""
    for name, array in arrays.items():
        places = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": places}
        data += array.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_weights_are_served_in_the_architecture_of_a_recipe(
    live: Live, apply: Callable[..., str]
) -> None:
    generator = np.random.default_rng(0)
    weight, bias, x = (
        generator.standard_normal(shape).astype(np.float32) for shape in ((1, 10), (1,), (5, 10))
    )
    uri = live.uri("weights.safetensors")
    live.bucket.put(safetensors(weight=weight, bias=bias), uri=uri)
    name = apply(service("weights", model(uri, source={"recipe": "linear"})))
    status = live.ready(name)["status"]["models"][0]
    assert (status["format"], status["inputs"]) == ("SafeTensors", [tensor("x", 10)])
    with reach(live.kubectl, name) as addresses:
        for library, address in zip(PROTOCOLS.values(), addresses, strict=True):
            answer = infer(library, address, inputs={"x": x})
            np.testing.assert_allclose(answer("y"), x @ weight.T + bias, atol=TOLERANCE)


# Triton gives older numpy's arrays; DLPack is what both sides of the development image understand.
CODE = b"""
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            x = np.from_dlpack(pb_utils.get_input_tensor_by_name(request, "x"))
            y = np.ascontiguousarray(3 * x)
            tensor = pb_utils.Tensor.from_dlpack("y", y.__dlpack__())
            responses.append(pb_utils.InferenceResponse([tensor]))
        return responses
"""


def test_code_is_served_where_the_platform_allows_it(live: Live, apply: Callable[..., str]) -> None:
    uri = live.uri("model.py")
    live.bucket.put(CODE, uri=uri)
    stated = {"inputs": [tensor("x", 4)], "outputs": [tensor("y", 4)]}
    name = apply(service("code", model(uri, source={"format": "Python"}, **stated)))
    assert live.ready(name)["status"]["models"][0]["format"] == "Python"
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    with reach(live.kubectl, name) as addresses:
        for library, address in zip(PROTOCOLS.values(), addresses, strict=True):
            np.testing.assert_allclose(infer(library, address, inputs={"x": x})("y"), 3 * x)


def test_a_plan_without_a_gpu_is_refused_before_a_pod_is_made(
    live: Live, apply: Callable[..., str]
) -> None:
    uri = live.uri("model.plan")
    live.bucket.put(b"ftrt" + bytes(4096), uri=uri)
    stated = {"inputs": [tensor("x", 4)], "outputs": [tensor("y", 4)]}
    name = apply(service("plan", model(uri, **stated)))
    stalled = live.told(name, "Stalled", status="True", reason="FormatUnsupported")
    messages = [item["message"] for item in stalled["status"]["conditions"]]
    assert any("runs on GPUs alone" in message for message in messages)
    assert live.pods(name) == []


def test_a_pickle_is_refused_by_what_it_is(live: Live, apply: Callable[..., str]) -> None:
    uri = live.uri("checkpoint.pt")
    live.bucket.put((FILES / "checkpoint-2.6.pt").read_bytes(), uri=uri)
    name = apply(service("checkpoint", model(uri)))
    stalled = live.told(name, "Stalled", status="True", reason="FormatUnsupported")
    messages = [item["message"] for item in stalled["status"]["conditions"]]
    assert any("a PyTorch checkpoint" in message for message in messages)
