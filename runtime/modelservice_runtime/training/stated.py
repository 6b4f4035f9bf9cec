"""The architecture that a user states, layer by layer, as the operator writes it."""

from collections.abc import Iterator
from enum import StrEnum

from modelservice_runtime.fields import FieldError, Fields
from modelservice_runtime.tensors import ANY, Tensor
from modelservice_runtime.training.layers import (
    Activation,
    Architecture,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    Function,
    Layer,
    LayerError,
    MaxPool2D,
    Recurrent,
    Shape,
    told,
)
from modelservice_runtime.training.recipes import Loss


class LayerType(StrEnum):
    """The names of the API."""

    DENSE = "Dense"
    CONV_2D = "Conv2D"
    MAX_POOL_2D = "MaxPool2D"
    FLATTEN = "Flatten"
    RNN = "RNN"
    LSTM = "LSTM"


class ActivationName(StrEnum):
    """The names of the API."""

    RELU = "ReLU"
    TANH = "Tanh"
    SIGMOID = "Sigmoid"

    @property
    def function(self) -> Function:
        """What it is in a graph."""
        return Function[self.name]


class Padding(StrEnum):
    """The names of the API."""

    VALID = "Valid"
    SAME = "Same"


def parse(fields: Fields, *, loss: Loss) -> Architecture:
    """Layers that fit one behind the other, and the loss. Raises `FieldError` that names the layer
    and says what would help."""
    taken = fields.nested("input")
    name = taken.text("name") if taken.has("name") else "input"
    sample = taken.integers("shape", at_least=ANY)
    layers = tuple(_layers(fields, sample=sample, loss=loss))
    return Architecture(
        input=Tensor(name=name, data_type="FP32", shape=(ANY, *sample)),
        layers=layers,
        output_name=fields.text("output") if fields.has("output") else "output",
    )


def _layers(fields: Fields, *, sample: Shape, loss: Loss) -> Iterator[Layer]:
    at = sample
    for item in fields.objects("layers"):
        for layer in _parts(item):
            try:
                at = layer.shape(at)
            except LayerError as error:
                raise FieldError(f"{item.path.rstrip('.')}: {error}") from None
            yield layer
    if loss is Loss.CROSS_ENTROPY and (len(at) != 1 or at[0] < 2):
        raise FieldError(
            f"{fields.path}layers must end with a score for each class, at least two, for the loss "
            f"{loss}; the last layer gives {told(at)}"
        )


def _parts(fields: Fields) -> Iterator[Layer]:
    """A layer, and its activation as one of its own."""
    kind = fields.choice("type", LayerType)
    match kind:
        case LayerType.DENSE:
            yield Dense(fields.integer("units", at_least=1))
        case LayerType.CONV_2D:
            padding = fields.choice("padding", Padding) if fields.has("padding") else Padding.VALID
            yield Conv2D(
                fields.integer("filters", at_least=1),
                fields.integer("kernel", at_least=1),
                same=padding is Padding.SAME,
            )
        case LayerType.MAX_POOL_2D:
            yield MaxPool2D(fields.integer("size", at_least=1))
        case LayerType.FLATTEN:
            yield Flatten()
        case LayerType.RNN | LayerType.LSTM:
            units, sequences = fields.integer("units", at_least=1), fields.flag("sequences")
            yield Recurrent(Cell[kind.name], units, sequences=sequences)
    if fields.has("activation"):
        yield Activation(fields.choice("activation", ActivationName).function)
