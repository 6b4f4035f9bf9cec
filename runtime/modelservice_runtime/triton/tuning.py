"""Warm-up, rate limiter and optimisation in Triton's configuration."""

from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Signature, Tensor
from modelservice_runtime.tuning import Optimization, RateLimiter, Warmup, WarmupInput

_SAMPLE = "warmup"


def add_warmup(message: Any, *, warmup: Warmup, signature: Signature, batches: bool) -> None:
    """Add requests of zeros or random numbers for all inputs of `signature`.

    It is what the model itself takes, with an axis where it has none; Triton does not fill in the
    inputs that it sets for sequences, and crashes without them. Raises `Failure` with
    `TensorMismatch` where a stated shape is none of the model's.
    """
    stated = {one.name: one for one in warmup.inputs}
    unknown = stated.keys() - {tensor.name for tensor in signature.inputs}
    if unknown:
        have = ", ".join(str(tensor) for tensor in signature.inputs)
        raise _mismatch(f"the model has no input {min(unknown)} (it has {have})")
    sample = message.model_warmup.add(
        name=_SAMPLE, batch_size=warmup.batch_size, count=warmup.count
    )
    for tensor in signature.inputs:
        one = stated.get(tensor.name, WarmupInput(name=tensor.name))
        entry = sample.inputs[tensor.name]
        entry.data_type = data_type(tensor)
        entry.dims.extend(_dims(tensor, stated=one, batches=batches))
        if one.random:
            entry.random_data = True
        else:
            entry.zero_data = True


def data_type(tensor: Tensor) -> int:
    """A tensor's type in Triton's schema."""
    name = "TYPE_STRING" if tensor.data_type == "BYTES" else f"TYPE_{tensor.data_type}"
    return int(getattr(pb, name))


def _dims(tensor: Tensor, *, stated: WarmupInput, batches: bool) -> tuple[int, ...]:
    real = tensor.shape[1:] if batches else tensor.shape
    if stated.shape is None:
        return tuple(1 if length == ANY else length for length in real)
    wanted = stated.shape or (1,)  # a tensor without axes has one outside the model
    fits = len(real) == len(wanted) and all(
        length in (ANY, one) for length, one in zip(real, wanted, strict=True)
    )
    if not fits:
        raise _mismatch(f"the shape {list(stated.shape)} of {tensor.name} is none of {list(real)}")
    return wanted


def set_rate_limiter(message: Any, *, limiter: RateLimiter) -> None:
    """Set the `rate_limiter` of an instance group."""
    message.rate_limiter.priority = limiter.priority
    for one in limiter.resources:
        resource = message.rate_limiter.resources.add(name=one.name, count=one.count)
        setattr(resource, "global", one.is_global)


def set_optimization(message: Any, *, optimization: Optimization) -> None:
    """Set `message.optimization`."""
    if optimization.graph_level is not None:
        message.optimization.graph.level = optimization.graph_level
    for one in optimization.accelerators:
        both = message.optimization.execution_accelerators
        kind = (
            both.cpu_execution_accelerator
            if one.name == "OpenVINO"
            else (both.gpu_execution_accelerator)
        )
        kind.add(name=one.name.lower()).parameters.update(dict(one.parameters))
    if optimization.input_pinned_memory is not None:
        message.optimization.input_pinned_memory.enable = optimization.input_pinned_memory
    if optimization.output_pinned_memory is not None:
        message.optimization.output_pinned_memory.enable = optimization.output_pinned_memory


def _mismatch(what: str) -> Failure:
    return Failure(
        reason=Reason.TENSOR_MISMATCH,
        message=f"warmup does not fit the model: {what}. Correct spec.models[].warmup.inputs.",
    )
