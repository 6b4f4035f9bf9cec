"""How many entries all models of a service may state together.

Each list and map has a bound of its own, wide enough for any one model. All of them at their bounds
would be a spec of megabytes; this one bound keeps the largest spec within what client-side apply
can hold in its annotation. An entry is what stands in one of the lists and maps that are counted.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from pydantic.alias_generators import to_camel

from modelservice_operator.api.model import Model

MAX: Final = 128

COUNTED: Final = (
    ("inputs",),
    ("outputs",),
    ("dynamic_batching", "priority_queue_policies"),
    ("sequence_batching", "controls"),
    ("sequence_batching", "states"),
)
"""Where entries are counted, below a model; the tensors of steps are counted beside these."""


def _size(path: tuple[str, ...]) -> str:
    """CEL: the size of a list or map of `model` that may be left out."""
    fields = ["model", *map(to_camel, path)]
    there = [f"has({'.'.join(fields[:length])})" for length in range(2, len(fields) + 1)]
    return f"({' && '.join(there)} ? {'.'.join(fields)}.size() : 0)"


CEL: Final = " + ".join(
    [
        *map(_size, COUNTED),
        "(has(model.ensemble) ? model.ensemble.steps.map(step, "
        "step.inputs.size() + step.outputs.size()).sum() : 0)",
    ]
)
"""The entries of one `model`."""


def count(model: Model) -> int:
    """The entries of one model."""
    steps = model.ensemble.steps if model.ensemble is not None else ()
    mapped = sum(len(step.inputs) + len(step.outputs) for step in steps)
    return mapped + sum(len(_at(model, path)) for path in COUNTED)


def _at(value: object, path: tuple[str, ...]) -> Sized:
    for field in path:
        value = getattr(value, field, None)
    return value if isinstance(value, Sized) else ()
