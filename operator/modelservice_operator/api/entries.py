"""How many entries all models of a service may state together.

Each list and map has a bound of its own, wide enough for any one model. All of them at their bounds
would be a spec of megabytes; this one bound keeps the largest spec within what client-side apply
can hold in its annotation. An entry is what stands in one of the lists and maps that are counted.
"""

from __future__ import annotations

from collections.abc import Collection
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
    ("warmup", "inputs"),
    ("parameters",),
    ("training", "architecture", "layers"),
)
"""Where entries are counted, below a model."""

NESTED: Final = (
    (("ensemble", "steps"), ("inputs",)),
    (("ensemble", "steps"), ("outputs",)),
    (("optimization", "accelerators"), ("parameters",)),
    (("instances",), ("rate_limiter", "resources")),
)
"""Where they are counted in each item of a list: the list below a model, the path in an item."""


def _size(path: tuple[str, ...], *, of: str = "model") -> str:
    """CEL: the size of a list or map that may be left out."""
    fields = [of, *map(to_camel, path)]
    there = [f"has({'.'.join(fields[:length])})" for length in range(2, len(fields) + 1)]
    return f"({' && '.join(there)} ? {'.'.join(fields)}.size() : 0)"


def _sizes(path: tuple[str, ...], *, below: tuple[str, ...]) -> str:
    """CEL: the size of what each item of a list has at `below`."""
    whole = _size(path)
    each = f".map(item, {_size(below, of='item')}).sum()"
    return whole.replace(".size()", each)


CEL: Final = " + ".join(
    [*map(_size, COUNTED), *(_sizes(path, below=below) for path, below in NESTED)]
)
"""The entries of one `model`."""


def count(model: Model) -> int:
    """The entries of one model."""
    nested = sum(len(_at(item, below)) for path, below in NESTED for item in _at(model, path))
    return nested + sum(len(_at(model, path)) for path in COUNTED)


def _at(value: object, path: tuple[str, ...]) -> Collection[object]:
    for field in path:
        value = getattr(value, field, None)
    return value if isinstance(value, Collection) else ()
