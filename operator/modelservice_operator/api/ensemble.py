"""Ensembles: models of one service joined to one that Triton runs from end to end.

The steps name models and say which tensor of the ensemble goes into which input and comes from
which output. What follows from names alone is judged here, before any pod: Triton would find it
only when it loads the ensemble. Types and shapes are compared where the files are seen, in a pod.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import Field

from modelservice_operator.api.scalars import ModelName, TensorName
from modelservice_operator.api.schema import Rule, Schema

Key = TypeVar("Key", int, str)
Problem = tuple[str, str]
"""Where (as a path below the model), and a sentence."""

KEY_MAX: Final = 256

TensorMap = Annotated[
    dict[str, TensorName],
    Field(min_length=1, max_length=32),
    Rule[Mapping[str, str]](
        cel=f"self.all(key, key.size() >= 1 && key.size() <= {KEY_MAX})",
        check=lambda names: all(1 <= len(key) <= KEY_MAX for key in names),
        message=f"keys must be names of the model's tensors, of 1 to {KEY_MAX} characters",
    ),
]


class Step(Schema):
    """One model of an ensemble and what it is fed with."""

    model: ModelName
    """A model of this service; its newest version runs."""

    inputs: TensorMap
    """Each input of the model, and the ensemble's tensor that goes into it."""

    outputs: TensorMap
    """Outputs of the model, and the ensemble's tensor that each becomes."""


class Ensemble(Schema):
    """Models that run one after another, or side by side, as one model.

    What no step makes is an input of the ensemble; what no step uses is an output. `inputs` and
    `outputs` of the model may state them, and then must name all of them."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=16)]
    """The models. Their order says nothing: a step runs as soon as its tensors are there."""


def problems(
    ensemble: Ensemble, *, inputs: Collection[str] | None, outputs: Collection[str] | None
) -> Iterator[Problem]:
    """What cannot work in one ensemble. `inputs` and `outputs`: the stated ones, None where none
    are."""
    made: dict[str, int] = {}
    for number, step in enumerate(ensemble.steps):
        for tensor in step.outputs.values():
            if tensor in made:
                yield (
                    f".ensemble.steps[{number}].outputs",
                    f"{tensor} is made twice, first by step {made[tensor]}: "
                    "give one of them another name",
                )
            elif inputs is not None and tensor in inputs:
                yield (
                    f".ensemble.steps[{number}].outputs",
                    f"{tensor} is an input of the ensemble and must not be made by a step: "
                    "give it another name",
                )
            made.setdefault(tensor, number)
    yield from _unused(ensemble, made=made, outputs=outputs)
    yield from _missing(ensemble, made=made, inputs=inputs, outputs=outputs)
    yield from _stuck(ensemble, made=made)


def _unused(
    ensemble: Ensemble, *, made: Mapping[str, int], outputs: Collection[str] | None
) -> Iterator[Problem]:
    used = {tensor for step in ensemble.steps for tensor in step.inputs.values()}
    for tensor, number in made.items():
        if outputs is not None and tensor not in used and tensor not in outputs:
            yield (
                f".ensemble.steps[{number}].outputs",
                f"nothing uses {tensor}: leave it out, or state it among the model's outputs",
            )


def _missing(
    ensemble: Ensemble,
    *,
    made: Mapping[str, int],
    inputs: Collection[str] | None,
    outputs: Collection[str] | None,
) -> Iterator[Problem]:
    used = {tensor for step in ensemble.steps for tensor in step.inputs.values()}
    for number, step in enumerate(ensemble.steps):
        for tensor in step.inputs.values():
            if inputs is not None and tensor not in made and tensor not in inputs:
                yield (
                    f".ensemble.steps[{number}].inputs",
                    f"no step makes {tensor}: correct the name, or state it among the model's "
                    "inputs",
                )
    for tensor in inputs or ():
        if tensor not in used:
            yield (
                ".inputs",
                f"no step uses the input {tensor}: leave it out of inputs, or give it to one",
            )
    for tensor in outputs or ():
        if tensor not in made:
            yield (
                ".outputs",
                f"no step makes the output {tensor}: leave it out of outputs, or correct the name",
            )


def _stuck(ensemble: Ensemble, *, made: Mapping[str, int]) -> Iterator[Problem]:
    """Steps that wait for each other in a circle, and those behind them."""
    waits = {
        number: {made[tensor] for tensor in step.inputs.values() if tensor in made}
        for number, step in enumerate(ensemble.steps)
    }
    left = circle(waits)
    if len(left) == 1:
        yield ".ensemble.steps", f"step {left[0]} waits for its own tensor and can never run"
    elif left:
        sentence = f"steps {_list(left)} wait for each other's tensors and can never run"
        yield ".ensemble.steps", sentence


def circles(ensembles: Mapping[str, Ensemble]) -> Iterator[tuple[str, str]]:
    """Ensembles that contain each other: (the name of one, a sentence)."""
    waits = {
        name: {step.model for step in ensemble.steps if step.model in ensembles}
        for name, ensemble in ensembles.items()
    }
    left = circle(waits)
    if left:
        yield left[0], f"the ensembles {_list(left)} contain each other: a circle cannot be loaded"


def circle(waits: Mapping[Key, Collection[Key]]) -> Sequence[Key]:
    """Those that wait for each other, or for such as do, in order; empty where nobody does."""
    left = {key: set(others) for key, others in waits.items()}
    while ready := [key for key, others in left.items() if not others & left.keys()]:
        for key in ready:
            del left[key]
    return sorted(left)


def _list(items: Sequence[int] | Sequence[str]) -> str:
    return " and ".join(str(item) for item in items)
