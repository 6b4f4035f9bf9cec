"""An architecture as data: layers in a row, what each makes of a sample's shape, and its weights.

Shapes are those of one sample, without the batch axis; `ANY` is an axis of any length (the steps of
a sequence). Images have their channels first. Names and shapes of weights are those of torch's
`state_dict` of the network that `networks` builds, so that a file of them fits, whoever reads it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from modelservice_runtime.tensors import ANY, Tensor

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


class LayerError(ValueError):
    """A layer cannot take what the one before it gives; the message says what would help."""


class Layer(Protocol):
    """One layer of an architecture."""

    def shape(self, given: Shape) -> Shape:
        """What it makes of a sample of the shape `given`. Raises `LayerError`."""

    def weights(self, given: Shape) -> Shapes:
        """The shapes of its weights by name; empty for one that learns nothing."""


class Function(StrEnum):
    """Activations, by the names that ONNX gives to them too."""

    RELU = "Relu"
    TANH = "Tanh"
    SIGMOID = "Sigmoid"


class Cell(StrEnum):
    """What a recurrent layer does at each step, by ONNX's names."""

    RNN = "RNN"  # with tanh
    LSTM = "LSTM"

    @property
    def gates(self) -> int:
        """How many matrices of weights stand one above the other."""
        return {Cell.RNN: 1, Cell.LSTM: 4}[self]


@dataclass(frozen=True)
class Dense:
    """Every output from every input: [inputs] → [units], at each step of a sequence alike."""

    units: int

    def shape(self, given: Shape) -> Shape:
        if len(given) > 2:
            raise LayerError(f"Dense takes no images: put Flatten before it, it gets {told(given)}")
        return (*given[:-1], self.units)

    def weights(self, given: Shape) -> Shapes:
        return {"weight": (self.units, given[-1]), "bias": (self.units,)}


@dataclass(frozen=True)
class Conv2D:
    """Square filters over images, in steps of one pixel: [channels, h, w] → [filters, h', w'].

    Without `same` only where the whole filter fits, so each side shrinks by `kernel - 1`; with it
    the sides stay, zeros around (an odd kernel).
    """

    filters: int
    kernel: int
    same: bool = False

    def shape(self, given: Shape) -> Shape:
        _, *sides = _image(given, name="Conv2D")
        if self.same:
            return (self.filters, *sides)
        if min(sides) < self.kernel:
            raise LayerError(f"Conv2D's kernel of {self.kernel} is larger than {told(given)}")
        return (self.filters, *(side - self.kernel + 1 for side in sides))

    def weights(self, given: Shape) -> Shapes:
        shape = (self.filters, given[0], self.kernel, self.kernel)
        return {"weight": shape, "bias": (self.filters,)}


@dataclass(frozen=True)
class MaxPool2D:
    """The largest of each square, the squares side by side; what is left at the edge is dropped."""

    size: int

    def shape(self, given: Shape) -> Shape:
        channels, *sides = _image(given, name="MaxPool2D")
        if min(sides) < self.size:
            raise LayerError(f"MaxPool2D's size of {self.size} is larger than {told(given)}")
        return (channels, *(side // self.size for side in sides))

    def weights(self, given: Shape) -> Shapes:
        return {}


@dataclass(frozen=True)
class Flatten:
    """A sample as one row of numbers."""

    def shape(self, given: Shape) -> Shape:
        if ANY in given:
            raise LayerError("Flatten takes no sequences of any length: they have no fixed size")
        return (math.prod(given),)

    def weights(self, given: Shape) -> Shapes:
        return {}


@dataclass(frozen=True)
class Activation:
    """A function of each number."""

    function: Function

    def shape(self, given: Shape) -> Shape:
        return given

    def weights(self, given: Shape) -> Shapes:
        return {}


@dataclass(frozen=True)
class Recurrent:
    """Over the steps of a sequence: [steps, features] → [units], the last step's, or
    [steps, units] with `sequences`."""

    cell: Cell
    units: int
    sequences: bool = False

    def shape(self, given: Shape) -> Shape:
        if len(given) != 2:
            wanted = "sequences, [steps, features] a sample"
            raise LayerError(f"{self.cell} takes {wanted}, and gets {told(given)}")
        return (given[0], self.units) if self.sequences else (self.units,)

    def weights(self, given: Shape) -> Shapes:
        rows = self.cell.gates * self.units
        return {
            "cell.weight_ih_l0": (rows, given[1]),
            "cell.weight_hh_l0": (rows, self.units),
            "cell.bias_ih_l0": (rows,),
            "cell.bias_hh_l0": (rows,),
        }


@dataclass(frozen=True)
class Placed:
    """A layer in its place. `prefix` stands before the names of its weights."""

    layer: Layer
    prefix: str
    given: Shape
    made: Shape

    @property
    def weights(self) -> Shapes:
        """The shapes of its weights by their full names."""
        return {self.prefix + name: shape for name, shape in self.layer.weights(self.given).items()}


@dataclass(frozen=True)
class Architecture:
    """Layers between an input (its first axis is the batch) and an output of this name."""

    input: Tensor
    layers: tuple[Layer, ...]
    output_name: str

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The layers in their places. Raises `LayerError` that names the layer's number."""
        placed: list[Placed] = []
        at = self.input.shape[1:]
        for index, layer in enumerate(self.layers):
            try:
                made = layer.shape(at)
            except LayerError as error:
                raise LayerError(f"layer {index + 1}: {error}") from None
            # As torch names the parts of a Sequential, which one layer needs not.
            prefix = f"{index}." if len(self.layers) > 1 else ""
            placed.append(Placed(layer, prefix=prefix, given=at, made=made))
            at = made
        return tuple(placed)

    @property
    def output(self) -> Tensor:
        """What comes out of the last layer."""
        shape = (self.input.shape[0], *self.placed[-1].made)
        return Tensor(name=self.output_name, data_type="FP32", shape=shape)

    @property
    def weights(self) -> dict[str, Shape]:
        """The shapes of all weights by name."""
        return {name: shape for one in self.placed for name, shape in one.weights.items()}


def told(shape: Shape) -> str:
    """A sample's shape, for people: [steps, 10]."""
    return f"[{', '.join('steps' if length == ANY else str(length) for length in shape)}]"


def _image(given: Shape, *, name: str) -> Shape:
    if len(given) != 3:
        wanted = "images, [channels, height, width] a sample"
        raise LayerError(f"{name} takes {wanted}, and gets {told(given)}")
    return given
