"""The file computes what was trained, for any batch, in another engine; or it is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Signature, Tensor
from modelservice_runtime.training.export import check, export
from modelservice_runtime.training.layers import (
    Activation,
    Architecture,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    Function,
    MaxPool2D,
    Recurrent,
)
from modelservice_runtime.training.networks import build, with_head
from modelservice_runtime.training.recipes import RECIPES, Loss, Recipe

pytestmark = pytest.mark.torch


def exported(recipe: Recipe, target: Path) -> nn.Module:
    torch.manual_seed(1)
    network = build(recipe)
    export(network, recipe=recipe, loss=recipe.losses[0], target=target)
    return with_head(network, loss=recipe.losses[0])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_tensors_are_the_recipes_with_a_free_batch_axis(recipe: Recipe, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    signature = export(build(recipe), recipe=recipe, loss=recipe.losses[0], target=target)
    assert signature == Signature(inputs=(recipe.input,), outputs=(recipe.output,))
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_same_network_gives_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        exported(recipe, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_file_that_computes_something_else_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    network = exported(recipe, tmp_path / "model.onnx")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1e-2 * torch.rand_like(parameter))
    with pytest.raises(Failure, match=r"does not compute what was trained \(a difference of") as e:
        check(network, recipe=recipe, target=tmp_path / "model.onnx")
    assert e.value.reason is Reason.TRAINING_FAILED


@pytest.mark.parametrize("loss", Loss)
def test_each_loss_is_served_with_its_activation(loss: Loss, tmp_path: Path) -> None:
    recipe, target = RECIPES["mlp"], tmp_path / "m.onnx"
    export(build(recipe), recipe=recipe, loss=loss, target=target)
    other = Loss.MSE if loss is not Loss.MSE else Loss.BINARY_CROSS_ENTROPY
    network = with_head(build(recipe), loss=other)
    with pytest.raises(Failure, match="does not compute what was trained"):
        check(network, recipe=recipe, target=target)


@pytest.mark.parametrize("cell", Cell)
@pytest.mark.parametrize("sequences", [False, True])
def test_recurrent_layers_are_exported_for_every_length(
    cell: Cell, sequences: bool, tmp_path: Path
) -> None:
    layers = (Recurrent(cell, 6, sequences=sequences), Dense(3))
    architecture = Architecture(Tensor("x", "FP32", (ANY, ANY, 4)), layers, output_name="y")
    recipe = replace(RECIPES["rnn"], architecture=architecture)
    exported(recipe, tmp_path / "model.onnx")


def test_padded_convolutions_and_other_activations_are_exported(tmp_path: Path) -> None:
    layers = (
        *(Conv2D(3, kernel=5, same=True), Activation(Function.TANH), MaxPool2D(2)),
        *(Flatten(), Dense(4), Activation(Function.SIGMOID), Dense(2)),
    )
    architecture = Architecture(Tensor("image", "FP32", (ANY, 2, 9, 7)), layers, output_name="y")
    exported(replace(RECIPES["mlp"], architecture=architecture), tmp_path / "model.onnx")


def test_a_file_that_no_engine_loads_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"nothing like a graph")
    recipe = RECIPES["linear"]
    with pytest.raises(Failure, match="does not compute what was trained"):
        check(with_head(build(recipe), loss=recipe.losses[0]), recipe=recipe, target=target)
