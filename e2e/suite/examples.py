"""The files that examples/ speak of, and what their models answer when this machine runs them."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from e2e.images.places import CHECKOUT
from e2e.suite.asking import Tensors

FILES = CHECKOUT / "tests/runtime/formats/files"  # make.py and make_keras.py say how they were made
SIDE, CLASSES, BATCH = 28, 10, 5
CLASSIFIER: Final = "s3://models/classifier/model.onnx"

# What make.py and make_keras.py gave the modules of torch and the layers of Keras.
WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 10 - np.float32(0.5)
BIAS = np.array([0.5, -0.5, 0.25], np.float32)

CODE: Final = b"""
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            # Triton gives older numpy's arrays; DLPack is what both sides understand.
            x = np.from_dlpack(pb_utils.get_input_tensor_by_name(request, "x"))
            y = np.ascontiguousarray(3 * x)
            tensor = pb_utils.Tensor.from_dlpack("y", y.__dlpack__())
            responses.append(pb_utils.InferenceResponse([tensor]))
        return responses
"""


@dataclass(frozen=True)
class Case:
    """`files` by their URIs. `model` is asked with `inputs` and answers `outputs`."""

    files: Mapping[str, bytes]
    model: str
    format: str
    inputs: Tensors
    outputs: Tensors


def run(model: bytes, inputs: Tensors) -> dict[str, np.ndarray]:
    """What ONNX's reference implementation says."""
    evaluator = ReferenceEvaluator(ModelProto.FromString(model))
    return dict(zip(evaluator.output_names, evaluator.run(None, dict(inputs)), strict=True))


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((BATCH, *shape)).astype(np.float32)


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def artifact(file: bytes, *, title: str) -> bytes:
    """The manifest of a registry's artifact that is one file, as oras writes it."""
    layer = {
        "mediaType": "application/octet-stream",
        "digest": sha256(file),
        "size": len(file),
        "annotations": {"org.opencontainers.image.title": title},
    }
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2}
    head = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    return json.dumps({**head, "config": empty, "layers": [layer]}).encode()


def classifier() -> bytes:
    """image FP32 [-1, 1, 28, 28] → scores FP32 [-1, 10]."""
    weights = np.random.default_rng(1).standard_normal((SIDE * SIDE, CLASSES)) / SIDE
    return _onnx(
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        image=(TensorProto.FLOAT, [1, SIDE, SIDE]),
        scores=(TensorProto.FLOAT, [CLASSES]),
        weights=weights.astype(np.float32),
    )


def one_classifier(*, uri: str = CLASSIFIER, name: str = "classifier") -> Case:
    inputs = {"image": random(1, SIDE, SIDE)}
    file = classifier()
    return Case({uri: file}, name, "ONNX", inputs, run(file, inputs))


def triton_repository() -> Case:
    """Batches are of the folder's own configuration: without it the model would take one image."""
    case = one_classifier()
    (file,) = case.files.values()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("classifier/config.pbtxt", f"max_batch_size: {BATCH}")
        archive.writestr("classifier/1/model.onnx", b"an older version")
        archive.writestr("classifier/2/model.onnx", file)
    return replace(case, files={"s3://models/repository/classifier.zip": packed.getvalue()})


def ensemble() -> Case:
    preprocess = _onnx(
        helper.make_node("Cast", ["pixels"], ["bright"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["bright", "white"], ["grey"]),
        helper.make_node("Unsqueeze", ["grey", "channel"], ["image"]),
        pixels=(TensorProto.UINT8, [SIDE, SIDE]),
        image=(TensorProto.FLOAT, [1, SIDE, SIDE]),
        white=np.array([255], np.float32),
        channel=np.array([1], np.int64),
    )
    postprocess = _onnx(
        helper.make_node("ArgMax", ["scores"], ["digit"], axis=1, keepdims=1),
        scores=(TensorProto.FLOAT, [CLASSES]),
        digit=(TensorProto.INT64, [1]),
    )
    steps = {"preprocess": preprocess, "classifier": classifier(), "postprocess": postprocess}
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, SIDE, SIDE), np.uint8)
    inputs = tensors = {"pixels": pixels}
    for file in steps.values():
        tensors = run(file, tensors)
    files = {f"s3://models/ensemble/{name}.onnx": file for name, file in steps.items()}
    return Case(files, "digits", "", inputs, tensors)


def torchscript() -> Case:
    uri = "s3://models/scripted/model.pt"
    return _torch("scripted-2.6.pt", uri=uri, outputs=("OUTPUT__0", "OUTPUT__1"))


def torch_export() -> Case:
    return _torch("program-2.6.pt2", uri="s3://models/exported/model.pt2", outputs=("add", "sum_1"))


def keras() -> Case:
    return _dense("dense.keras", uri="s3://models/dense/dense.keras")


def saved_model() -> Case:
    return _dense("dense-saved-model.zip", uri="s3://models/dense/dense.zip")


def safetensors() -> Case:
    generator = np.random.default_rng(0)
    weight, bias = (generator.standard_normal(one).astype(np.float32) for one in ((1, 10), (1,)))
    header, data = {}, b""
    for name, array in (("weight", weight), ("bias", bias)):
        places = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": places}
        data += array.tobytes()
    text = json.dumps(header).encode()
    file = len(text).to_bytes(8, "little") + text + data
    x = random(10)
    return Case(
        {"s3://models/weights/model.safetensors": file},
        "weights",
        "SafeTensors",
        {"x": x},
        {"y": x @ weight.T + bias},
    )


def python_model() -> Case:
    x = random(4)
    return Case({"s3://models/scaler/model.py": CODE}, "scaler", "Python", {"x": x}, {"y": 3 * x})


SERVED: Final[Mapping[str, Callable[[], Case]]] = {
    "autoscaling-cpu": one_classifier,
    "ensemble": ensemble,
    "keras": keras,
    "onnx-from-s3": one_classifier,
    "python-model": python_model,
    "safetensors": safetensors,
    "savedmodel": saved_model,
    "torch-export": torch_export,
    "torchscript": torchscript,
    "triton-repository": triton_repository,
}
"""Those that need nothing but files in the store."""


def _dense(file: str, *, uri: str) -> Case:
    """Converted to ONNX, which is what the service says that it serves."""
    x = random(4)
    content = {uri: (FILES / file).read_bytes()}
    return Case(content, "dense", "ONNX", {"x": x}, {"h": np.maximum(x @ WEIGHT.T + BIAS, 0)})


def _torch(file: str, *, uri: str, outputs: tuple[str, str]) -> Case:
    x, y = random(4), random(3)
    h = np.maximum(x @ WEIGHT.T + BIAS, 0) + 1
    answers = (h, (h * y).sum(axis=1, keepdims=True))
    kind, name = (
        ("TorchScript", "scripted") if file.endswith(".pt") else ("TorchExport", "exported")
    )
    content = {uri: (FILES / file).read_bytes()}
    return Case(content, name, kind, {"x": x, "y": y}, dict(zip(outputs, answers, strict=True)))


def _onnx(*nodes: object, **tensors: np.ndarray | tuple[int, list[int]]) -> bytes:
    """A model of the tensors by name: arrays are its weights; of the others, given as type and
    shape, the first is its input and the second its output, both with an axis for the batch."""
    weights = [
        helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape, one)
        for name, one in tensors.items()
        if isinstance(one, np.ndarray)
    ]
    ends = [
        helper.make_tensor_value_info(name, one[0], ["batch", *one[1]])
        for name, one in tensors.items()
        if isinstance(one, tuple)
    ]
    graph = helper.make_graph(list(nodes), "example", ends[:1], ends[1:], weights)
    # Versions that every onnxruntime of the last years can read.
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    serialized: bytes = model.SerializeToString()
    return serialized
