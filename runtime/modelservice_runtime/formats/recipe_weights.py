"""Weights of a recipe's architecture (SafeTensors), made into the ONNX file that is served.

What is served ends as a model that the recipe trains with its own loss does (`cnn`: softmax).
"""

from pathlib import Path

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import architecture_graph, safetensors
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training.recipes import RECIPES

NOUN = "a safetensors file, which holds weights without their architecture"
ARTIFACT = "model.safetensors"
FILE = "model.onnx"


def read(path: Path, statement: Statement) -> Signature:
    """Write the ONNX file beside the weights; the recipe's tensors.

    Raises `Failure`: `FormatUnsupported` without a recipe, `ModelInvalid` for other weights.
    """
    if statement.recipe not in RECIPES:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {NOUN}. State the recipe whose architecture it is in "
            f"source.recipe ({', '.join(RECIPES)}), or export the model to ONNX.",
        )
    recipe = RECIPES[statement.recipe]
    arrays = safetensors.weights(path, wanted=recipe.architecture.weights)
    content = architecture_graph.write(recipe.architecture, loss=recipe.losses[0], weights=arrays)
    path.with_name(FILE).write_bytes(content)
    return Signature(inputs=(recipe.input,), outputs=(recipe.output,))
