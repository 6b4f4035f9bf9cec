"""The architectures are the seed systems', and every recipe has one."""

import pytest
import torch
from torch import nn

from modelservice_runtime.training.networks import build, with_head
from modelservice_runtime.training.recipes import RECIPES, Loss, Recipe

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_recipe_has_a_network_for_its_tensors(recipe: Recipe) -> None:
    for loss in recipe.losses:
        output = with_head(build(recipe), loss=loss)(torch.rand(3, *recipe.sample_shape))
        assert output.shape == (3, *recipe.output_shape)


def test_cnn_has_the_layers_of_the_article() -> None:
    layers = [type(layer).__name__ for layer in build(RECIPES["cnn"]).children()]
    conv = ["Conv2d", "ReLU", "MaxPool2d"]
    assert layers == [*conv, *conv, "Flatten", "Linear", "ReLU", "Linear"]
    sizes = sum(parameter.numel() for parameter in build(RECIPES["cnn"]).parameters())
    assert sizes == (9 + 1) * 32 + (32 * 9 + 1) * 64 + (1600 + 1) * 64 + (64 + 1) * 10


def test_what_is_served_is_a_distribution_or_a_probability() -> None:
    logits = nn.Identity()
    x = torch.tensor([[3.0, -50.0, 2.0]])
    assert float(with_head(logits, loss=Loss.CROSS_ENTROPY)(x).sum()) == pytest.approx(1)
    yes = with_head(logits, loss=Loss.BINARY_CROSS_ENTROPY)(x)
    assert yes[0].tolist() == pytest.approx([0.9526, 0, 0.8808], abs=1e-4)
    assert torch.equal(with_head(logits, loss=Loss.MSE)(x), x)
