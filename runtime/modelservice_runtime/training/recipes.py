"""The built-in training programs, as data: what a run needs when the user leaves it out.

A recipe is an architecture with its tensors and the defaults of the seed system that it comes
from. The architecture itself is in `networks`, under the same name. What follows from the loss
alone (which targets, which activation at the end, which metrics) belongs to the `Loss`, so that a
new recipe is one entry here and one there.
"""

from dataclasses import dataclass
from enum import StrEnum

from modelservice_runtime.tensors import ANY, Tensor

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

    @property
    def learning_rate(self) -> float:
        """The rate when only the optimizer is named: the seed systems' own."""
        return {OptimizerName.SGD: 0.01, OptimizerName.ADAM: 0.001}[self]


def _batch(name: str, *shape: int) -> Tensor:
    return Tensor(name=name, data_type="FP32", shape=(ANY, *shape))


@dataclass(frozen=True)
class Recipe:
    """An architecture's tensors (their first axis is the batch) and its defaults.

    losses: the ones that make sense for the output; the first is the default.
    batch_size: `FULL_BATCH` is one step an epoch over all samples.
    input_range: bounds that every input value keeps, where the recipe fixes a scale.
    """

    name: str
    input: Tensor
    output: Tensor
    losses: tuple[Loss, ...]
    optimizer: OptimizerName
    epochs: int
    batch_size: int
    input_range: tuple[float, float] | None = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.input.shape[1:]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one sample's output."""
        return self.output.shape[1:]


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="linear",
            input=_batch("x", 10),
            output=_batch("y", 1),
            losses=(Loss.MSE, Loss.BINARY_CROSS_ENTROPY),
            optimizer=OptimizerName.SGD,
            epochs=1000,
            batch_size=FULL_BATCH,
        ),
        Recipe(
            name="cnn",
            input=_batch("image", 1, 28, 28),
            output=_batch("scores", 10),
            losses=(Loss.CROSS_ENTROPY,),
            optimizer=OptimizerName.ADAM,
            epochs=5,
            batch_size=32,
            input_range=(0.0, 1.0),
        ),
    )
}
