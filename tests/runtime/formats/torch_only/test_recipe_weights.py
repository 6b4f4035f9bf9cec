"""The layers of the recipes, written without torch, are torch's: names, shapes and numbers."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from modelservice_runtime.formats import recipe_weights, safetensors
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import ANY
from modelservice_runtime.training.networks import build, with_head
from modelservice_runtime.training.recipes import RECIPES, Recipe
from tests.runtime.formats.models import weights

pytestmark = pytest.mark.torch

TOLERANCE = 1e-5
STEPS = 6


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_numbers_are_those_of_the_network(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(weights(recipe.name))
    recipe_weights.read(path, Statement(recipe=recipe.name))
    arrays = safetensors.weights(path, wanted=recipe.architecture.weights)
    network = build(recipe)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    served = with_head(network, loss=recipe.losses[0])
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    for batch in (1, 7):
        shape = (STEPS if length == ANY else length for length in recipe.sample_shape)
        x = np.random.default_rng(batch).random((batch, *shape), dtype=np.float32)
        (found,) = session.run([recipe.output.name], {recipe.input.name: x})
        with torch.inference_mode():
            wanted = served(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)
