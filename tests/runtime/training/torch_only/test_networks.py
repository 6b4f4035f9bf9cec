"""The architectures are the seed systems', and every recipe has one."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from modelservice_runtime.tensors import ANY
from modelservice_runtime.training.layers import Cell, Dense, Recurrent
from modelservice_runtime.training.networks import build, with_head
from modelservice_runtime.training.recipes import RECIPES, Initialisation, Loss, Recipe

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_recipe_has_a_network_for_its_tensors(recipe: Recipe) -> None:
    for loss in recipe.losses:
        shape = (5 if length == ANY else length for length in recipe.sample_shape)
        output = with_head(build(recipe), loss=loss)(torch.rand(3, *shape))
        assert output.shape == (3, *recipe.output_shape)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_weights_are_those_that_the_architecture_tells(recipe: Recipe) -> None:
    found = {name: tuple(value.shape) for name, value in build(recipe).state_dict().items()}
    assert found == recipe.architecture.weights


ARTICLES = {
    "linear": (["Linear"], 11),
    "mlp": (["Linear", "Linear"], 11 * 20 + 21 * 10),
    "binary": (["Linear", "ReLU", "Linear"], 9 * 10 + 11),
    "rnn": (["LastStep", "Linear"], 10 * 5 + 5 * 5 + 2 * 5 + 6),
    "cnn-small": (
        ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"],
        (9 + 1) * 32 + (32 * 13 * 13 + 1) * 10,
    ),
    "cnn": (
        [*("Conv2d", "ReLU", "MaxPool2d") * 2, "Flatten", "Linear", "ReLU", "Linear"],
        (9 + 1) * 32 + (32 * 9 + 1) * 64 + (1600 + 1) * 64 + (64 + 1) * 10,
    ),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_layers_are_those_of_the_article(recipe: Recipe) -> None:
    layers, size = ARTICLES[recipe.name]
    network = build(recipe)
    parts = [network] if len(layers) == 1 else list(network.children())
    assert [type(layer).__name__ for layer in parts] == layers
    assert sum(parameter.numel() for parameter in network.parameters()) == size


def test_keras_layers_begin_as_keras_has_them() -> None:
    """Glorot's uniform distribution, ±√(6 / (inputs + outputs)); biases of zero."""
    network = build(RECIPES["cnn-small"])
    for weight, fans in ((network[0].weight, 9 * (1 + 32)), (network[4].weight, 5408 + 10)):
        bound = (6 / fans) ** 0.5
        assert 0.9 * bound < float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.1)
    assert not any(float(part.bias.abs().max()) for part in (network[0], network[4]))


def test_an_lstm_of_keras_forgets_nothing_at_first() -> None:
    architecture = replace(RECIPES["rnn"].architecture, layers=(Recurrent(Cell.LSTM, 4), Dense(2)))
    keras = replace(RECIPES["rnn"], architecture=architecture, initialisation=Initialisation.KERAS)
    cell = build(keras)[0].cell
    bias = (cell.bias_ih_l0 + cell.bias_hh_l0).detach().numpy().reshape(4, 4)
    assert bias.tolist() == [[0] * 4, [1] * 4, [0] * 4, [0] * 4]  # input, forget, cell, output
    turned = cell.weight_hh_l0.detach()
    assert torch.allclose(turned.T @ turned, torch.eye(4), atol=1e-6)


def test_what_is_served_is_a_distribution_or_a_probability() -> None:
    logits = nn.Identity()
    x = torch.tensor([[3.0, -50.0, 2.0]])
    assert float(with_head(logits, loss=Loss.CROSS_ENTROPY)(x).sum()) == pytest.approx(1)
    yes = with_head(logits, loss=Loss.BINARY_CROSS_ENTROPY)(x)
    assert yes[0].tolist() == pytest.approx([0.9526, 0, 0.8808], abs=1e-4)
    assert torch.equal(with_head(logits, loss=Loss.MSE)(x), x)
