"""The Python-backend executor: runs a model where the Triton image has no backend for its format.

`fetch` copies this file into the model repository as `<model>/<version>/model.py`, so it imports
only what a Triton image brings, and of that only what the file beside it needs: onnxruntime for
`model.onnx`, torch for `model.pt` (TorchScript) and `model.pt2` (an exported program).

Tensors pass by DLPack both ways, without a copy: Triton releases that were built for numpy 1 read
and make wrong arrays where the image has numpy 2 (`as_numpy` repeats the first element,
`pb_utils.Tensor(name, array)` is empty).

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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16
_CONSUMED = b"used_dltensor"
_TORCH_TYPES = (
    {f"TYPE_INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}
    | {f"TYPE_FP{bits}": f"float{bits}" for bits in (16, 32, 64)}
    | {"TYPE_UINT8": "uint8", "TYPE_BOOL": "bool", "TYPE_BF16": "bfloat16"}
)

Array = Any  # numpy.ndarray or torch.Tensor, as the engine has it
Feed = dict[str, Array]
Group = list[tuple[int, Feed]]


class TritonPythonModel:
    """One instance of the model; Triton runs each in a process of its own."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model that lies beside this file."""
        config = json.loads(args["model_config"])
        self._batches = config["max_batch_size"] > 0
        controls = config.get("sequence_batching", {}).get("control_input", [])
        self._inputs = [tensor["name"] for tensor in (*config["input"], *controls)]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        folder = os.path.join(args["model_repository"], args["model_version"])
        self._engine = _engine(folder, config=config)
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
            joined = {name: self._engine.join([feed[name] for feed in feeds]) for name in joined}
        results = self._engine.run(joined)
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
            feed[name] = self._engine.read(name, tensor)
        return feed

    def _response(self, results: list[Array]) -> Any:
        tensors = [self._engine.write(*pair) for pair in zip(self._outputs, results, strict=True)]
        return pb_utils.InferenceResponse(tensors)


class _Onnx:
    """`model.onnx` in onnxruntime, with numpy arrays."""

    def __init__(self, model: str, *, config: Mapping[str, Any]) -> None:
        onnxruntime = self._onnxruntime = _need("onnxruntime")
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._bfloat16 = {
            tensor["name"]
            for tensor in (*config["input"], *config["output"])
            if tensor["data_type"] == "TYPE_BF16"
        }
        # Half a second and 150 MiB an instance: only where it is needed.
        self._torch: Any = _need("torch") if self._bfloat16 else None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads(config)
        options.inter_op_num_threads = 1
        # Else idle threads spin, and eat the CPU limit of the instances that have work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with _without_schema_noise():
            self._session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=["CPUExecutionProvider"]
            )

    def join(self, arrays: list[Array]) -> Array:
        return np.concatenate(arrays)

    def run(self, feed: Feed) -> list[Array]:
        if not self._bfloat16:
            return list(self._session.run(self._outputs, feed))
        make = self._onnxruntime.OrtValue
        values = {
            name: make.ortvalue_from_numpy_with_onnx_type(array, _BFLOAT16)
            if name in self._bfloat16
            else make.ortvalue_from_numpy(array)
            for name, array in feed.items()
        }
        results = self._session.run_with_ort_values(self._outputs, values)
        return [self._result(*pair) for pair in zip(self._outputs, results, strict=True)]

    def _result(self, name: str, value: Any) -> Array:
        if name not in self._bfloat16:
            return value.numpy()
        torch = self._torch
        bits = torch.from_dlpack(value._ortvalue.to_dlpack()).view(torch.int16)
        return bits.numpy().view(np.uint16)

    def read(self, name: str, tensor: Any) -> Array:
        if name not in self._bfloat16:
            return np.from_dlpack(tensor)
        # numpy has no bfloat16, which travels through it as the integers of its bits.
        return (
            self._torch.from_dlpack(tensor.to_dlpack())
            .view(self._torch.int16)
            .numpy()
            .view(np.uint16)
        )

    def write(self, name: str, array: Array) -> Any:
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


class _Torch:
    """`model.pt` or `model.pt2` in torch, on the CPU. The signature's order is the module's."""

    def __init__(self, model: str, *, config: Mapping[str, Any]) -> None:
        # The archive was checked when it was fetched. This holds torch.export.load, which asks
        # torch.load for more, to tensors once again.
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
        # Else idle threads spin here too.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        torch = self._torch = _need("torch")
        torch.set_num_threads(_threads(config))
        torch.set_num_interop_threads(1)
        self._types = {tensor["name"]: tensor["data_type"] for tensor in config["output"]}
        self._call = (self._program if model.endswith(".pt2") else self._script)(model)

    def _script(self, model: str) -> Callable[[list[Array]], Any]:
        module = self._torch.jit.load(model, map_location="cpu").eval()
        return lambda arguments: module(*arguments)

    def _program(self, model: str) -> Callable[[list[Array]], Any]:
        pytree = importlib.import_module("torch.utils._pytree")
        program = importlib.import_module("torch.export").load(model)
        module, shape = program.module(), program.call_spec.in_spec

        def call(arguments: list[Array]) -> Any:
            positional, named = pytree.tree_unflatten(arguments, shape)
            return pytree.tree_leaves(module(*positional, **named))

        return call

    def join(self, arrays: list[Array]) -> Array:
        return self._torch.cat(arrays)

    def run(self, feed: Feed) -> list[Array]:
        with self._torch.inference_mode():
            results = self._call(list(feed.values()))
        return [results] if isinstance(results, self._torch.Tensor) else list(results)

    def read(self, name: str, tensor: Any) -> Array:
        return self._torch.from_dlpack(tensor.to_dlpack())

    def write(self, name: str, array: Array) -> Any:
        found = str(array.dtype).removeprefix("torch.")
        if found != _TORCH_TYPES.get(self._types[name]):
            # TorchScript has no types to check the spec by; clients would read other numbers.
            raise ValueError(f"output {name} is {found}, but is stated as {self._types[name]}")
        return pb_utils.Tensor.from_dlpack(name, array.detach().contiguous())


_ENGINES = {"model.onnx": _Onnx, "model.pt": _Torch, "model.pt2": _Torch}


def _engine(folder: str, *, config: Mapping[str, Any]) -> Any:
    for name, engine in _ENGINES.items():
        model = os.path.join(folder, name)
        if os.path.exists(model):
            return engine(model, config=config)
    raise FileNotFoundError(f"none of {', '.join(_ENGINES)} in {folder}")


def _need(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise RuntimeError(
            f"the Python of the platform's Triton image has no {name}, which this model needs"
        ) from None


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
