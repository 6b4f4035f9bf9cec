"""The Python-backend executor: runs `model.onnx` where the Triton image has no onnxruntime backend.

`fetch` copies this file into the model repository as `<model>/<version>/model.py`, so it imports
only what a Triton image brings. Tensors pass by DLPack both ways, without a copy: Triton releases
that were built for numpy 1 read and make wrong arrays where the image has numpy 2 (`as_numpy`
repeats the first element, `pb_utils.Tensor(name, array)` is empty).

Triton hands `execute` the requests that its dynamic batcher put together. Those whose shapes agree
but for the batch axis run as one batch; a request that cannot run fails alone.
"""

import contextlib
import ctypes
import fcntl
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16
_CONSUMED = b"used_dltensor"

Array = Any  # numpy.ndarray
Feed = dict[str, Array]
Group = list[tuple[int, Feed]]


class TritonPythonModel:
    """One instance of the model; Triton runs each in a process of its own."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model that lies beside this file."""
        config = json.loads(args["model_config"])
        self._batches = config["max_batch_size"] > 0
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._bfloat16 = {
            tensor["name"]
            for tensor in (*config["input"], *config["output"])
            if tensor["data_type"] == "TYPE_BF16"
        }
        # Half a second and 150 MiB an instance: only where it is needed.
        self._torch: Any = importlib.import_module("torch") if self._bfloat16 else None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads(config)
        options.inter_op_num_threads = 1
        # Else idle threads spin, and eat the CPU limit of the instances that have work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        folder = os.path.join(args["model_repository"], args["model_version"])
        model = os.path.join(folder, "model.onnx")
        with _without_schema_noise():
            self._session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=["CPUExecutionProvider"]
            )
        self._sign_of_life = _sign_of_life(os.path.join(folder, "instances"))

    def finalize(self) -> None:
        """End, as Triton asks before it unloads the model."""
        self._sign_of_life.close()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request, in order."""
        responses: list[Any] = [None] * len(requests)
        groups: dict[object, Group] = {}
        for index, request in enumerate(requests):
            try:
                feed = self._read(request)
            except Exception as error:  # noqa: BLE001  # this request's fault, not the batch's
                responses[index] = _failed(error)
                continue
            # Without a batch axis nothing may be joined: each request is a group of its own.
            key = tuple(feed[name].shape[1:] for name in self._inputs) if self._batches else index
            groups.setdefault(key, []).append((index, feed))
        for group in groups.values():
            for index, response in self._answers(group):
                responses[index] = response
        return responses

    def _answers(self, group: Group) -> list[tuple[int, Any]]:
        try:
            return self._run(group)
        except Exception as error:  # noqa: BLE001  # any error of the runtime is an answer
            if len(group) == 1:
                return [(group[0][0], _failed(error))]
        # One of them cannot run: let it fail alone.
        return [answer for member in group for answer in self._answers([member])]

    def _run(self, group: Group) -> list[tuple[int, Any]]:
        feeds = [feed for _, feed in group]
        joined = feeds[0]
        if len(feeds) > 1:
            joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in joined}
        results = self._infer(joined)
        if len(feeds) == 1:
            return [(group[0][0], self._response(results))]
        sizes = [len(feed[self._inputs[0]]) for feed in feeds]
        for name, result in zip(self._outputs, results, strict=True):
            if len(result) != sum(sizes):
                raise ValueError(f"output {name} has no batch axis")
        ends = np.cumsum(sizes)
        return [
            (index, self._response([result[end - size : end] for result in results]))
            for (index, _), size, end in zip(group, sizes, ends, strict=True)
        ]

    def _read(self, request: Any) -> Feed:
        feed = {}
        for name in self._inputs:
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is None:
                raise ValueError(f"input {name} is missing")
            feed[name] = self._from_triton(name, tensor)
        return feed

    def _infer(self, feed: Feed) -> list[Array]:
        if not self._bfloat16:
            return list(self._session.run(self._outputs, feed))
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array, _BFLOAT16)
            if name in self._bfloat16
            else onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for name, array in feed.items()
        }
        results = self._session.run_with_ort_values(self._outputs, values)
        return [self._from_runtime(*pair) for pair in zip(self._outputs, results, strict=True)]

    def _from_triton(self, name: str, tensor: Any) -> Array:
        if name not in self._bfloat16:
            return np.from_dlpack(tensor)
        # numpy has no bfloat16, which travels through it as the integers of its bits.
        return (
            self._torch.from_dlpack(tensor.to_dlpack())
            .view(self._torch.int16)
            .numpy()
            .view(np.uint16)
        )

    def _from_runtime(self, name: str, value: Any) -> Array:
        if name not in self._bfloat16:
            return value.numpy()
        torch = self._torch
        bits = torch.from_dlpack(value._ortvalue.to_dlpack()).view(torch.int16)
        return bits.numpy().view(np.uint16)

    def _response(self, results: list[Array]) -> Any:
        tensors = [self._to_triton(*pair) for pair in zip(self._outputs, results, strict=True)]
        return pb_utils.InferenceResponse(tensors)

    def _to_triton(self, name: str, array: Array) -> Any:
        # DLPack knows no strides that Triton takes, and no read-only arrays.
        array = np.require(array, requirements=["C", "W"])
        if name not in self._bfloat16:
            capsule = array.__dlpack__()
            tensor = pb_utils.Tensor.from_dlpack(name, capsule)
            # Older Triton renames what it took to "used_dlpack"; numpy, which looks for the name
            # of the DLPack standard, would print a traceback for each tensor.
            ctypes.pythonapi.PyCapsule_SetName(ctypes.py_object(capsule), _CONSUMED)
            return tensor
        bits = self._torch.from_numpy(array.view(np.int16))
        return pb_utils.Tensor.from_dlpack(name, bits.view(self._torch.bfloat16))


def _threads(config: Mapping[str, Any]) -> int:
    stated = config.get("parameters", {}).get("intra_op_thread_count")
    if stated is not None:
        return int(stated["string_value"])
    instances = sum(group.get("count", 1) for group in config.get("instance_group", [])) or 1
    return max(1, len(os.sched_getaffinity(0)) // instances)


def _sign_of_life(folder: str) -> Any:
    """An open file whose lock tells the agent that this process lives (see pulse.py)."""
    for name in sorted(os.listdir(folder)):
        file = open(os.path.join(folder, name))  # noqa: SIM115  # open until the process ends
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        file.close()
    raise RuntimeError(f"more instances than files in {folder}")


def _failed(error: Exception) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"model execution: {error}"))


@contextlib.contextmanager
def _without_schema_noise() -> Iterator[None]:
    """Keep Debian's onnxruntime from writing 567 harmless lines for each session.

    Its ONNX library registers every operator schema that the runtime registers again, and says so
    on the process' standard error; everything else that is written there passes.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile("w+", errors="replace") as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if line.strip() and not line.startswith("Schema error: Trying to register"):
                    sys.stderr.write(line)
