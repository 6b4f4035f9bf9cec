"""Names of classes: what an output's indices mean, for Triton's classification extension."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from modelservice_operator.api.scalars import TensorName
from modelservice_operator.api.schema import ListType, Rule, Schema

# Beside each label stand its quotes and a comma.
PUNCTUATION: Final = 3
CHARACTERS_MAX: Final = 32_768
"""Of all labels of a service together, punctuation included: the names of a thousand classes."""

Values = Annotated[
    tuple[Annotated[str, Field(strict=True, min_length=1, max_length=128)], ...],
    Field(min_length=1, max_length=1000),
    Rule[tuple[str, ...]](
        cel=r"!self.exists(label, label.contains('\n') || label.contains('\r'))",
        check=lambda labels: not any("\n" in label or "\r" in label for label in labels),
        message="labels must be single lines",
    ),
]


class OutputLabels(Schema):
    """The classes of one output."""

    output: TensorName
    """The model's output, which has one score a class."""

    values: Values
    """Names of the classes, in the order of the scores."""


Labels = Annotated[tuple[OutputLabels, ...], Field(min_length=1, max_length=4), ListType("output")]


def size(labels: tuple[OutputLabels, ...] | None) -> int:
    """How much labels take of what a service may state."""
    return sum(len(label) + PUNCTUATION for one in labels or () for label in one.values)
