"""Ensembles: their tensors from those of their members, and whether the members fit together.

Triton checks the same when it loads an ensemble, in the pod; here it is done where the tensors are
first seen. A tensor of an ensemble has the shape that clients see: with the batch axis, and with
an axis of length 1 where the model's own tensor has none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelservice_runtime.document import Model, Step
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Signature, Tensor

PLATFORM = "ensemble"
NEWEST = -1


@dataclass(frozen=True)
class _End:
    """A member's tensor, at one end of a tensor of the ensemble. `name` is the ensemble's."""

    model: str
    tensor: Tensor
    name: str

    def __str__(self) -> str:
        tensor = self.tensor
        return f"{self.model}.{tensor.name} ({tensor.data_type} {list(tensor.shape)})"


def signature(ensemble: Model, *, members: Mapping[str, Signature]) -> Signature:
    """The inputs and outputs of an ensemble. `members`: what clients see of each model.

    Raises `Failure` with `TensorMismatch` where a step names tensors that its model does not have,
    or where two ends of a tensor don't fit.
    """
    sources = {end.name: end for step in ensemble.steps for end in _outputs(step, members=members)}
    wanted: dict[str, Tensor] = {}
    used = set()
    for step in ensemble.steps:
        for end in _inputs(step, members=members):
            used.add(end.name)
            source = sources.get(end.name)
            if source is not None:
                _require_fit(source, end)
                continue
            tensor = replace(end.tensor, name=end.name)
            wanted[end.name] = _narrowed(wanted.get(end.name, tensor), end)
    stated = {tensor.name for tensor in ensemble.outputs or ()}
    outputs = [
        replace(source.tensor, name=name)
        for name, source in sources.items()
        if name in stated or name not in used
    ]
    return Signature(inputs=tuple(wanted.values()), outputs=tuple(outputs))


def add_steps(message: Any, *, ensemble: Model) -> None:
    """Make the configuration `message` one of an ensemble."""
    message.platform = PLATFORM
    for step in ensemble.steps:
        one = message.ensemble_scheduling.step.add(model_name=step.model, model_version=NEWEST)
        one.input_map.update(step.inputs)
        one.output_map.update(step.outputs)


def _inputs(step: Step, *, members: Mapping[str, Signature]) -> Iterator[_End]:
    real = members[step.model].inputs
    yield from _ends("input", step=step, tensors=step.inputs, real=real)
    for tensor in real:
        if tensor.name not in step.inputs:
            raise _mismatch(
                f"nothing goes into the input {tensor} of {step.model}. "
                "Name a tensor for it in the step's inputs."
            )


def _outputs(step: Step, *, members: Mapping[str, Signature]) -> Iterator[_End]:
    real = members[step.model].outputs
    return _ends("output", step=step, tensors=step.outputs, real=real)


def _ends(
    role: str, *, step: Step, tensors: Mapping[str, str], real: tuple[Tensor, ...]
) -> Iterator[_End]:
    found = {tensor.name: tensor for tensor in real}
    for name, outside in tensors.items():
        if name not in found:
            have = ", ".join(str(one) for one in real)
            raise _mismatch(
                f"{step.model} has no {role} {name} (it has {have}). Correct the step's {role}s."
            )
        yield _End(model=step.model, tensor=found[name], name=outside)


def _require_fit(source: _End, end: _End) -> None:
    if source.tensor.data_type != end.tensor.data_type:
        what = "data types"
    elif _common(source.tensor.shape, end.tensor.shape) is None:
        what = "shapes"
    else:
        return
    raise _mismatch(
        f"{end.name} has two {what}: {source} makes it, {end} takes it. "
        "Put a model between them that converts it, or export one of them to fit the other."
    )


def _narrowed(tensor: Tensor, end: _End) -> Tensor:
    """An input that several members take has a shape that suits all."""
    shape = _common(tensor.shape, end.tensor.shape)
    if tensor.data_type != end.tensor.data_type or shape is None:
        raise _mismatch(
            f"the input {tensor} cannot be taken by {end} as well. Give each its own input."
        )
    return replace(tensor, shape=shape)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shapes that fit both; None where there is none."""
    if len(one) != len(other):
        return None
    if any(a != b and ANY not in (a, b) for a, b in zip(one, other, strict=True)):
        return None
    return tuple(b if a == ANY else a for a, b in zip(one, other, strict=True))


def _mismatch(message: str) -> Failure:
    return Failure(
        reason=Reason.TENSOR_MISMATCH, message=f"The models of the ensemble do not fit: {message}"
    )
