"""`config.pbtxt`: what the CR says about a model, joined with the model's real tensors.

It is built as Triton's own protobuf message and printed by protobuf, never from a text template:
a field that Triton does not know, or a name that needs quoting, cannot come out wrong. Pure, so
that the check Job can do before a rollout exactly what fetch does in the pod.
"""

from dataclasses import dataclass, replace
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.formats.format import Format
from modelservice_runtime.tensors import ANY, Signature, Tensor
from modelservice_runtime.triton import ensemble
from modelservice_runtime.triton.batching import add_dynamic, add_sequence, requested
from modelservice_runtime.triton.labels import add_labels
from modelservice_runtime.triton.tuning import (
    add_warmup,
    data_type,
    set_optimization,
    set_rate_limiter,
)

ONNXRUNTIME = "onnxruntime"
PYTHON = "python"


_EXECUTOR_THREADS = "intra_op_thread_count"


@dataclass(frozen=True)
class Target:
    """The Triton that the configuration is for.

    `gpus` is the number of GPUs that the pod was granted; None where that is not known, then
    Triton looks for itself. `cpus` is the number of cores of the Triton container, None if unknown.
    """

    backends: frozenset[str]
    gpu: bool
    gpus: int | None = None
    cpus: int | None = None

    def runs_in_executor(self, format_: Format) -> bool:
        """Whether our Python-backend executor stands in for a backend that the image lacks."""
        return format_.executor and format_.backend not in self.backends

    def backend(self, format_: Format) -> str:
        """Triton's own backend where the image has it, else the executor's; raises `Failure`."""
        if self.runs_in_executor(format_):
            return PYTHON
        if format_.needs_gpu and (not self.gpu or self.gpus == 0):
            raise Failure(
                reason=Reason.FORMAT_UNSUPPORTED,
                message=f"The model is {format_.noun}, which runs on GPUs alone. Set spec.gpu, on "
                "a platform whose Triton image can use GPUs.",
            )
        if format_.backend not in self.backends:
            raise Failure(
                reason=Reason.FORMAT_UNSUPPORTED,
                message=f"The model is {format_.noun}, but this platform's Triton image has no "
                f"backend {format_.backend} (triton.backends in the platform's settings).",
            )
        return str(format_.backend)


def config(
    model: Model, *, signature: Signature, target: Target, format_: Format = table.ONNX
) -> str:
    """The text of `config.pbtxt`.

    Raises `Failure`: `TensorMismatch` where the CR states other tensors than the model has,
    `BatchingUnsupported` where it asks for batches of a model that takes none, `FormatUnsupported`
    where the image cannot run the format.
    """
    _compare("input", stated=model.inputs, real=signature.inputs)
    _compare("output", stated=model.outputs, real=signature.outputs)
    message = pb.ModelConfig(name=model.name, max_batch_size=model.max_batch_size)
    if model.steps:
        ensemble.add_steps(message, ensemble=model)
    else:
        message.backend = target.backend(format_)
        _refuse_text(signature, backend=message.backend, format_=format_)
        if message.backend != PYTHON:
            message.default_model_filename = format_.file
    batches = model.max_batch_size > 0
    asked = requested(signature, batching=model.sequence_batching)
    for role, tensors, field in (
        ("input", asked.inputs, message.input),
        ("output", asked.outputs, message.output),
    ):
        for tensor in tensors:
            _add(field, tensor=tensor, role=role, batches=batches)
    message.version_policy.specific.versions.append(model.version)
    _add_batching(message, model=model, signature=signature, format_=format_)
    _add_instances(message, model=model, target=target, format_=format_)
    _add_tuning(message, model=model, signature=signature)
    seen = outside(asked, batches=batches)
    add_labels(message, model=model, signature=seen, batches=batches)
    return str(text_format.MessageToString(message))


def outside(signature: Signature, *, batches: bool) -> Signature:
    """What clients see of a model: Triton has no tensors without an axis beside that of batches."""

    def seen(tensor: Tensor) -> Tensor:
        bare = tensor.shape == ((ANY,) if batches else ())
        return replace(tensor, shape=(*tensor.shape, 1)) if bare else tensor

    return Signature(
        inputs=tuple(seen(tensor) for tensor in signature.inputs),
        outputs=tuple(seen(tensor) for tensor in signature.outputs),
    )


def _add(field: Any, *, tensor: Tensor, role: str, batches: bool) -> None:
    shape = tensor.shape
    if batches:
        if not shape or shape[0] != ANY:
            raise Failure(
                reason=Reason.BATCHING_UNSUPPORTED,
                message=f"maxBatchSize needs a model that takes batches of any size, but its "
                f"{role} {tensor} has a fixed first axis. Export the model with a dynamic first "
                "axis, or set maxBatchSize to 0.",
            )
        shape = shape[1:]
    one = field.add(name=tensor.name, data_type=data_type(tensor))
    one.dims.extend(shape or (1,))
    if not shape:
        # Triton has no tensors without an axis: outside it has one of length 1, inside none.
        one.reshape.SetInParent()


def _add_batching(message: Any, *, model: Model, signature: Signature, format_: Format) -> None:
    if model.dynamic_batching is not None and model.max_batch_size > 0:
        add_dynamic(message, batching=model.dynamic_batching)
    sequence = model.sequence_batching
    if sequence is None:
        return
    if sequence.states and message.backend == PYTHON:
        raise _unsupported("Sequences with states", backend=format_.backend)
    if sequence.controls and message.backend == PYTHON and format_.backend != ONNXRUNTIME:
        # The executor hands inputs to torch by their order, in which controls have no place.
        raise _unsupported("Controls of sequences", backend=format_.backend)
    batches = model.max_batch_size > 0
    add_sequence(message, batching=sequence, signature=signature, batches=batches)


def _add_tuning(message: Any, *, model: Model, signature: Signature) -> None:
    for key, value in model.parameters:
        message.parameters[key].string_value = value
    if model.response_cache:
        message.response_cache.enable = True
    if model.warmup is not None:
        batches = model.max_batch_size > 0
        taken = outside(signature, batches=batches)
        add_warmup(message, warmup=model.warmup, signature=taken, batches=batches)
    optimization = model.optimization
    if optimization is None:
        return
    needs_onnxruntime = optimization.graph_level is not None or optimization.accelerators
    if needs_onnxruntime and message.backend != ONNXRUNTIME:
        raise _unsupported("optimization.graphLevel and accelerators", backend=ONNXRUNTIME)
    set_optimization(message, optimization=optimization)


def _unsupported(what: str, *, backend: str | None) -> Failure:
    return Failure(
        reason=Reason.FORMAT_UNSUPPORTED,
        message=f"{what} need a Triton image with the backend {backend or ONNXRUNTIME}, which "
        "does not run this model here. Leave the setting out, or use an image or a format that "
        "has it.",
    )


def _add_instances(message: Any, *, model: Model, target: Target, format_: Format) -> None:
    in_executor = target.runs_in_executor(format_)
    if format_.needs_gpu and any(group.kind == "CPU" for group in model.instances):
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {format_.noun}, which runs on GPUs alone, but instances of kind "
            "CPU are asked for. Use kind Auto or GPU.",
        )
    kinds = [_kind(group.kind, target=target, in_executor=in_executor) for group in model.instances]
    for group, kind in zip(model.instances, kinds, strict=True):
        one = message.instance_group.add(count=group.count, kind=kind)
        if group.rate_limiter is not None:
            set_rate_limiter(one, limiter=group.rate_limiter)
    on_cpu = sum(
        group.count
        for group, kind in zip(model.instances, kinds, strict=True)
        if kind == pb.ModelInstanceGroup.KIND_CPU
    )
    parameter = _EXECUTOR_THREADS if in_executor else format_.threads
    if target.cpus is not None and on_cpu and parameter is not None:
        # By default each instance would start a thread for every core of the node.
        threads = max(1, target.cpus // on_cpu)
        message.parameters[parameter].string_value = str(threads)


def _kind(kind: str, *, target: Target, in_executor: bool) -> int:
    group = pb.ModelInstanceGroup
    # The executor and CPU-only images run on the CPU even where a GPU was granted.
    if kind == "CPU" or not target.gpu or in_executor or target.gpus == 0:
        return int(group.KIND_CPU)
    if kind == "GPU" or target.gpus is not None:
        return int(group.KIND_GPU)
    return int(group.KIND_AUTO)


def _refuse_text(signature: Signature, *, backend: str, format_: Format) -> None:
    if backend != PYTHON or not format_.executor:
        return
    for tensor in (*signature.inputs, *signature.outputs):
        if tensor.data_type == "BYTES":
            raise Failure(
                reason=Reason.FORMAT_UNSUPPORTED,
                message=f"The tensor {tensor.name} is text (BYTES), which this platform's Triton "
                f"image cannot serve: it has no {format_.backend} backend. Use an image that has "
                "it.",
            )


def _compare(role: str, *, stated: tuple[Tensor, ...] | None, real: tuple[Tensor, ...]) -> None:
    if stated is None:
        return
    differences = list(_differences(role, stated=stated, real=real))
    if differences:
        raise Failure(
            reason=Reason.TENSOR_MISMATCH,
            message=f"The model does not have the {role}s that the spec states: "
            f"{'; '.join(differences)}. Correct spec.models[].{role}s, or leave them out.",
        )


def _differences(role: str, *, stated: tuple[Tensor, ...], real: tuple[Tensor, ...]) -> list[str]:
    found = {tensor.name: tensor for tensor in real}
    names = {tensor.name for tensor in stated}
    differences = []
    for tensor in stated:
        other = found.get(tensor.name)
        if other is None:
            have = ", ".join(str(one) for one in real)
            differences.append(f"there is no {role} {tensor.name} (the model has {have})")
        elif other.data_type != tensor.data_type:
            differences.append(
                f"{role} {tensor.name} has data type {other.data_type}, not {tensor.data_type}"
            )
        elif other.shape != tensor.shape:
            differences.append(
                f"{role} {tensor.name} has shape {list(other.shape)}, not {list(tensor.shape)}"
            )
    unstated = [tensor for tensor in real if tensor.name not in names]
    differences += [f"{role} {tensor} is not stated" for tensor in unstated]
    return differences
