"""The layers of a network that a training builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.scalars import TensorName
from modelservice_operator.api.schema import Range, Rule, Schema

LayerType = Literal["Dense", "Conv2D", "MaxPool2D", "Flatten", "RNN", "LSTM"]


def _fields(*types: str, field: str, name: str, needed: bool = True) -> Rule[Any]:
    """A field that only these types of layer have."""
    words = _words(types)
    say = "which needs it" if len(types) == 1 else "which need it"
    ends = (
        f", {say}: set it beside them, and leave it out else" if needed else f": leave {name} out"
    )
    listed = ", ".join(f"'{one}'" for one in types)
    has, one = f"has(self.{name})", f"self.type in [{listed}]"
    return Rule(
        cel=f"{has} == ({one})" if needed else f"!{has} || {one}",
        check=lambda layer: (
            (getattr(layer, field) is not None) == (layer.type in types)
            if needed
            else getattr(layer, field) is None or layer.type in types
        ),
        message=f"{name} is for {words}{ends}",
        path=f".{name}",
    )


def _words(types: Sequence[str]) -> str:
    *most, last = types
    return f"{', '.join(most)} and {last}" if most else last


class Layer(Schema):
    """One layer."""

    type: LayerType
    """Dense: every output from every input, at each step of a sequence alike. Conv2D: square
    filters over images. MaxPool2D: the largest of each square. Flatten: images as rows. RNN (tanh)
    and LSTM: over the steps of a sequence, to the numbers of the last one."""

    units: Annotated[int, Range(1, 65_536)] | None = None
    """Outputs of a Dense, RNN or LSTM."""

    filters: Annotated[int, Range(1, 4096)] | None = None
    """Filters of a Conv2D, which are the channels of what it gives."""

    kernel: Annotated[int, Range(1, 31)] | None = None
    """Side of a Conv2D's filters, in pixels."""

    padding: Literal["Valid", "Same"] | None = None
    """Valid: a filter stays inside of the image, which shrinks by it. Same: the image keeps its
    size, with zeros around; the kernel is odd then. Valid when left out."""

    size: Annotated[int, Range(1, 64)] | None = None
    """Side of a MaxPool2D's squares, in pixels."""

    activation: Literal["ReLU", "Tanh", "Sigmoid"] | None = None
    """What each output of a Dense or Conv2D goes through; nothing when left out. What belongs to
    the loss (softmax, sigmoid) is not stated: it is added to what is served."""

    sequences: bool | None = None
    """Whether an RNN or LSTM gives all steps, to the next layer over sequences; false when left
    out."""

    @property
    def summary(self) -> str:
        """In a word: `Conv2D(32)`."""
        size = self.units or self.filters or self.size
        return f"{self.type}({size})" if size is not None else self.type

    rules: ClassVar[tuple[Rule[Layer], ...]] = (
        _fields("Dense", "RNN", "LSTM", field="units", name="units"),
        _fields("Conv2D", field="filters", name="filters"),
        _fields("Conv2D", field="kernel", name="kernel"),
        _fields("Conv2D", field="padding", name="padding", needed=False),
        _fields("MaxPool2D", field="size", name="size"),
        _fields("Dense", "Conv2D", field="activation", name="activation", needed=False),
        _fields("RNN", "LSTM", field="sequences", name="sequences", needed=False),
        Rule(
            cel="!has(self.padding) || self.padding != 'Same' || !has(self.kernel) || "
            "self.kernel % 2 == 1",
            check=lambda layer: (
                layer.padding != "Same" or layer.kernel is None or layer.kernel % 2 == 1
            ),
            message="kernel must be odd with padding Same: take the next odd number, or leave "
            "padding out",
            path=".kernel",
        ),
    )


class ArchitectureInput(Schema):
    """What goes into a network."""

    name: TensorName = "input"
    """Name of the input of the served model."""

    shape: Annotated[
        tuple[Annotated[int, Range(-1, 65_536)], ...],
        Field(min_length=1, max_length=3),
    ]
    """Shape of one sample: [features]; [steps, features] of a sequence, with -1 for steps of any
    length; or [channels, height, width] of an image."""

    rules: ClassVar[tuple[Rule[ArchitectureInput], ...]] = (
        Rule(
            cel="self.shape.all(length, length != 0) && (self.shape.size() == 2 ? "
            "self.shape[1] > 0 : self.shape.all(length, length > 0))",
            check=lambda given: (
                all(length > 0 for length in given.shape[1:])
                and given.shape[0] != 0
                and (len(given.shape) == 2 or given.shape[0] > 0)
            ),
            message="shape must have lengths above 0; only the steps of a sequence, "
            "[-1, features], may have any length",
            path=".shape",
        ),
    )


class Architecture(Schema):
    """A network, layer by layer. Each takes what the one before it gives."""

    input: ArchitectureInput
    """What goes in."""

    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=32)]
    """The layers in their order. The last one gives what the loss compares: a number for each
    target, or a score for each class."""

    output: TensorName = "output"
    """Name of the output of the served model."""

    @property
    def summary(self) -> str:
        """In a few words: `[8] Dense(10) Dense(1)`."""
        return " ".join([str(list(self.input.shape)), *(layer.summary for layer in self.layers)])

    rules: ClassVar[tuple[Rule[Architecture], ...]] = (
        Rule(
            cel="self.output != self.input.name",
            check=lambda one: one.output != one.input.name,
            message="output must have another name than the input: change output, or input.name",
            path=".output",
        ),
    )
