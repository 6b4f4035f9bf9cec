"""An architecture that a user states is built as it stands, or one sentence names the layer."""

from collections.abc import Callable
from typing import Any

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Tensor
from modelservice_runtime.training.layers import (
    Activation,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    Function,
    MaxPool2D,
    Recurrent,
)
from modelservice_runtime.training.recipes import RECIPES, Loss, OptimizerName
from modelservice_runtime.training.run import Run

MakeRun = Callable[..., Run]

IMAGES: dict[str, Any] = {
    "input": {"name": "image", "shape": [1, 28, 28]},
    "layers": [
        {"type": "Conv2D", "filters": 8, "kernel": 3, "padding": "Same", "activation": "ReLU"},
        {"type": "MaxPool2D", "size": 2},
        {"type": "Flatten"},
        {"type": "Dense", "units": 16, "activation": "Tanh"},
        {"type": "Dense", "units": 10},
    ],
    "output": "scores",
}
STEPS: dict[str, Any] = {
    "input": {"shape": [-1, 4]},
    "layers": [
        {"type": "LSTM", "units": 6, "sequences": True},
        {"type": "RNN", "units": 5},
        {"type": "Dense", "units": 1},
    ],
}


def layers(*stated: dict[str, Any]) -> dict[str, Any]:
    return {**IMAGES, "layers": list(stated)}


def test_layers_of_images(make_run: MakeRun) -> None:
    run = make_run(recipe=None, architecture=IMAGES, loss="CrossEntropy")
    assert run.recipe.architecture.layers == (
        Conv2D(8, 3, same=True),
        Activation(Function.RELU),
        MaxPool2D(2),
        Flatten(),
        Dense(16),
        Activation(Function.TANH),
        Dense(10),
    )
    assert run.recipe.input == Tensor("image", "FP32", (ANY, 1, 28, 28))
    assert run.recipe.output == Tensor("scores", "FP32", (ANY, 10))
    assert run.parameters["architecture"] == IMAGES
    assert "recipe" not in run.parameters


def test_layers_of_sequences(make_run: MakeRun) -> None:
    recipe = make_run(recipe=None, architecture=STEPS, loss="MSE").recipe
    wanted = (Recurrent(Cell.LSTM, 6, sequences=True), Recurrent(Cell.RNN, 5), Dense(1))
    assert recipe.architecture.layers == wanted
    assert (recipe.input.name, recipe.sample_shape) == ("input", (ANY, 4))
    assert (recipe.output.name, recipe.output_shape) == ("output", (1,))


def test_what_is_not_stated_has_defaults(make_run: MakeRun) -> None:
    run = make_run(recipe=None, architecture=IMAGES, loss="CrossEntropy")
    assert (run.optimizer.name, run.optimizer.learning_rate) == (OptimizerName.ADAM, 0.001)
    assert (run.epochs, run.batch_size, run.loss) == (10, 32, Loss.CROSS_ENTROPY)


def test_a_recipe_can_be_stated_layer_by_layer(make_run: MakeRun) -> None:
    conv = {"type": "Conv2D", "kernel": 3, "activation": "ReLU"}
    pool = {"type": "MaxPool2D", "size": 2}
    stated = layers(
        *({**conv, "filters": 32}, pool, {**conv, "filters": 64}, pool, {"type": "Flatten"}),
        {"type": "Dense", "units": 64, "activation": "ReLU"},
        {"type": "Dense", "units": 10},
    )
    run = make_run(recipe=None, architecture=stated, loss="CrossEntropy")
    assert run.recipe.architecture == RECIPES["cnn"].architecture


@pytest.mark.parametrize(
    ("architecture", "sentence"),
    [
        ({**IMAGES, "layers": []}, "architecture.layers must be a list of objects, not '[]'"),
        (layers({"type": "Attention"}), "architecture.layers[0].type must be one of Dense, Conv2D"),
        (layers({"type": "Dense"}), "architecture.layers[0].units is missing"),
        (layers({"type": "Flatten"}, {"type": "Dense", "units": 0}), "layers[1].units must be"),
        (
            layers(IMAGES["layers"][0], {"type": "Dense", "units": 10}),
            "architecture.layers[1]: Dense takes no images: put Flatten before it, it gets "
            "[8, 28, 28]",
        ),
        (layers({"type": "LSTM", "units": 5}), "architecture.layers[0]: LSTM takes sequences"),
        (
            layers({"type": "Flatten"}, {"type": "Dense", "units": 1}),
            "architecture.layers must end with a score for each class, at least two, for the loss "
            "CrossEntropy; the last layer gives [1]",
        ),
        (layers(IMAGES["layers"][0]), "the last layer gives [8, 28, 28]"),
        ({**IMAGES, "input": {"shape": []}}, "architecture.input.shape must be a list of whole"),
        ({**IMAGES, "input": {"shape": [True]}}, "architecture.input.shape must be a list of"),
        ({**IMAGES, "input": {}}, "architecture.input.shape is missing"),
        (
            layers({"type": "RNN", "units": 2, "sequences": "yes"}),
            "architecture.layers[0].sequences must be true or false, not 'yes'",
        ),
    ],
)
def test_a_layer_that_does_not_fit_is_named(
    make_run: MakeRun, architecture: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Failure) as caught:
        make_run(recipe=None, architecture=architecture, loss="CrossEntropy")
    assert caught.value.reason is Reason.TRAINING_FAILED
    assert not caught.value.heals
    assert caught.value.message.startswith("training.architecture.")
    assert sentence in caught.value.message


def test_an_architecture_needs_a_loss(make_run: MakeRun) -> None:
    with pytest.raises(Failure, match="loss is missing"):
        make_run(recipe=None, architecture=IMAGES)
