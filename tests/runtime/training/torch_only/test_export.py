"""The file computes what was trained, for any batch, in another engine; or it is refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training.export import check, export
from modelservice_runtime.training.networks import build, with_head
from modelservice_runtime.training.recipes import RECIPES, Recipe

pytestmark = pytest.mark.torch


def exported(recipe: Recipe, target: Path) -> nn.Module:
    torch.manual_seed(1)
    network = with_head(build(recipe), loss=recipe.losses[0])
    export(network, recipe=recipe, target=target)
    return network


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_tensors_are_the_recipes_with_a_free_batch_axis(recipe: Recipe, tmp_path: Path) -> None:
    network = with_head(build(recipe), loss=recipe.losses[0])
    signature = export(network, recipe=recipe, target=tmp_path / "model.onnx")
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


def test_an_export_that_froze_what_should_move_is_refused(tmp_path: Path) -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x[:, :1] * self.calls

    with pytest.raises(Failure, match="does not compute what was trained"):
        export(Counting(), recipe=RECIPES["linear"], target=tmp_path / "model.onnx")


def test_a_file_that_no_engine_loads_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"nothing like a graph")
    recipe = RECIPES["linear"]
    with pytest.raises(Failure, match="does not compute what was trained"):
        check(with_head(build(recipe), loss=recipe.losses[0]), recipe=recipe, target=target)
