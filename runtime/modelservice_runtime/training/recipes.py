"""The built-in training programs, as data: what a run needs when the user leaves it out.

A recipe is an architecture and the defaults of the seed system that it comes from. What follows
from the loss alone (which targets, which activation at the end, which metrics) belongs to the
`Loss`, so that a new recipe is one entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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
    MaxPool2D,
    Recurrent,
    Shape,
)

FULL_BATCH = 0


class Loss(StrEnum):
    """What is minimised; the names of the API."""

    MSE = "MSE"  # targets: numbers in the output's shape; the output is served as it is
    CROSS_ENTROPY = "CrossEntropy"  # targets: one label a sample; served with a softmax
    BINARY_CROSS_ENTROPY = "BinaryCrossEntropy"  # targets: 0 or 1; served with a sigmoid


class OptimizerName(StrEnum):
    """How it is minimised; the names of the API."""

    SGD = "SGD"
    ADAM = "Adam"
    ADAMW = "AdamW"

    @property
    def learning_rate(self) -> float:
        """The rate when only the optimizer is named: the seed systems' own."""
        return 0.01 if self is OptimizerName.SGD else 0.001

    @property
    def weight_decay(self) -> float:
        """The decay when it is not stated: torch's own."""
        return 0.01 if self is OptimizerName.ADAMW else 0.0


class Initialisation(StrEnum):
    """How weights begin: as the framework of the seed system has them."""

    TORCH = "torch"
    KERAS = "Keras"


def _layers(name: str, shape: Shape, *, to: str, by: tuple[Layer, ...]) -> Architecture:
    tensor = Tensor(name=name, data_type="FP32", shape=(ANY, *shape))
    return Architecture(input=tensor, layers=by, output_name=to)


@dataclass(frozen=True)
class Recipe:
    """An architecture and its defaults.

    stated: what the user wrote, where the architecture is not built-in; it has no name then.
    losses: the ones that make sense for the output; the first is the default.
    batch_size: `FULL_BATCH` is one step an epoch over all samples.
    input_range: bounds that every input value keeps, where the recipe fixes a scale.
    """

    name: str
    architecture: Architecture
    losses: tuple[Loss, ...]
    optimizer: OptimizerName
    epochs: int
    batch_size: int
    initialisation: Initialisation = Initialisation.TORCH
    input_range: tuple[float, float] | None = None
    stated: Mapping[str, Any] | None = None

    @property
    def noun(self) -> str:
        """What it is called in a sentence."""
        return f"recipe {self.name}" if self.name else "architecture"

    @property
    def parameters(self) -> dict[str, Any]:
        """As the API writes it."""
        return {"architecture": self.stated} if self.stated else {"recipe": self.name}

    @property
    def input(self) -> Tensor:
        """What goes in; its first axis is the batch."""
        return self.architecture.input

    @property
    def output(self) -> Tensor:
        """What comes out."""
        return self.architecture.output

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample; -1 for an axis of any length."""
        return self.input.shape[1:]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one sample's output."""
        return self.output.shape[1:]


_RELU = Activation(Function.RELU)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="linear",
            architecture=_layers("x", (10,), to="y", by=(Dense(1),)),
            losses=(Loss.MSE, Loss.BINARY_CROSS_ENTROPY),
            optimizer=OptimizerName.SGD,
            epochs=1000,
            batch_size=FULL_BATCH,
        ),
        Recipe(
            name="mlp",
            # The article has no activation between the two.
            architecture=_layers("x", (10,), to="y", by=(Dense(20), Dense(10))),
            losses=(Loss.MSE,),
            optimizer=OptimizerName.ADAM,
            epochs=1000,
            batch_size=FULL_BATCH,
        ),
        Recipe(
            name="binary",
            architecture=_layers("x", (8,), to="probability", by=(Dense(10), _RELU, Dense(1))),
            losses=(Loss.BINARY_CROSS_ENTROPY,),
            optimizer=OptimizerName.ADAM,
            epochs=10,
            batch_size=32,
            initialisation=Initialisation.KERAS,
        ),
        Recipe(
            name="rnn",
            architecture=_layers("x", (ANY, 10), to="y", by=(Recurrent(Cell.RNN, 5), Dense(1))),
            losses=(Loss.MSE, Loss.BINARY_CROSS_ENTROPY),
            optimizer=OptimizerName.SGD,
            epochs=1000,
            batch_size=FULL_BATCH,
        ),
        Recipe(
            name="cnn-small",
            architecture=_layers(
                "image",
                (1, 28, 28),
                to="scores",
                by=(Conv2D(32, kernel=3), _RELU, MaxPool2D(2), Flatten(), Dense(10)),
            ),
            losses=(Loss.CROSS_ENTROPY,),
            optimizer=OptimizerName.ADAM,
            epochs=10,
            batch_size=32,
            initialisation=Initialisation.KERAS,
            input_range=(0.0, 1.0),
        ),
        Recipe(
            name="cnn",
            architecture=_layers(
                "image",
                (1, 28, 28),
                to="scores",
                by=(
                    *(Conv2D(32, kernel=3), _RELU, MaxPool2D(2)),
                    *(Conv2D(64, kernel=3), _RELU, MaxPool2D(2)),
                    Flatten(),
                    *(Dense(64), _RELU),
                    Dense(10),
                ),
            ),
            losses=(Loss.CROSS_ENTROPY,),
            optimizer=OptimizerName.ADAM,
            epochs=5,
            batch_size=32,
            initialisation=Initialisation.KERAS,
            input_range=(0.0, 1.0),
        ),
    )
}


def own(architecture: Architecture, *, loss: Loss, document: Mapping[str, Any]) -> Recipe:
    """The recipe of an architecture that a user states, which is `document`."""
    return Recipe(
        name="",
        architecture=architecture,
        losses=(loss,),
        optimizer=OptimizerName.ADAM,
        epochs=10,
        batch_size=32,
        stated=document,
    )
