"""Weights of a recipe's architecture (SafeTensors), made into the ONNX file that is served.

The layers are those of `training/networks.py`, under the names that torch gives to their weights
there (`state_dict`); a test that has torch compares names, shapes and numbers. What is served ends
as a model that the recipe trains with its own loss does (`cnn`: softmax).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import safetensors
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.formats.onnx_writer import Node, model
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training.recipes import RECIPES, Loss

NOUN = "a safetensors file, which holds weights without their architecture"
ARTIFACT = "model.safetensors"
FILE = "model.onnx"


@dataclass(frozen=True)
class Layer:
    """A layer with weights, or (with no shape) without. `name` is torch's prefix of its weights."""

    operator: str
    name: str = ""
    shape: tuple[int, ...] = ()
    attributes: tuple[tuple[str, int | tuple[int, ...]], ...] = ()


def _dense(name: str, inputs: int, outputs: int) -> Layer:
    return Layer("Gemm", name=name, shape=(outputs, inputs), attributes=(("transB", 1),))


def _conv(name: str, inputs: int, outputs: int) -> Layer:
    return Layer("Conv", name=name, shape=(outputs, inputs, 3, 3))


_RELU = Layer("Relu")
_POOL = Layer("MaxPool", attributes=(("kernel_shape", (2, 2)), ("strides", (2, 2))))

LAYERS: dict[str, Sequence[Layer]] = {
    "linear": (_dense("", 10, 1),),
    "cnn": (
        *(_conv("0.", 1, 32), _RELU, _POOL),
        *(_conv("3.", 32, 64), _RELU, _POOL),
        Layer("Flatten"),
        *(_dense("7.", 64 * 5 * 5, 64), _RELU),
        _dense("9.", 64, 10),
    ),
}

_HEADS = {
    Loss.MSE: None,
    Loss.CROSS_ENTROPY: Layer("Softmax", attributes=(("axis", 1),)),
    Loss.BINARY_CROSS_ENTROPY: Layer("Sigmoid"),
}


def read(path: Path, statement: Statement) -> Signature:
    """Write the ONNX file beside the weights; the recipe's tensors.

    Raises `Failure`: `FormatUnsupported` without a recipe, `ModelInvalid` for other weights.
    """
    if statement.recipe not in LAYERS:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {NOUN}. State the recipe whose architecture it is in "
            f"source.recipe ({', '.join(LAYERS)}), or export the model to ONNX.",
        )
    recipe = RECIPES[statement.recipe]
    arrays = safetensors.weights(path, wanted=shapes(recipe.name))
    nodes = _nodes(recipe.name, first=recipe.input.name, last=recipe.output.name)
    content = model(nodes, inputs=recipe.input, outputs=recipe.output, weights=arrays)
    path.with_name(FILE).write_bytes(content)
    return Signature(inputs=(recipe.input,), outputs=(recipe.output,))


def shapes(recipe: str) -> dict[str, tuple[int, ...]]:
    """The shapes of a recipe's weights by name."""
    return {
        f"{layer.name}{kind}": shape
        for layer in LAYERS[recipe]
        if layer.shape
        for kind, shape in (("weight", layer.shape), ("bias", layer.shape[:1]))
    }


def _nodes(recipe: str, *, first: str, last: str) -> list[Node]:
    head = _HEADS[RECIPES[recipe].losses[0]]
    layers = [*LAYERS[recipe], *((head,) if head is not None else ())]
    nodes, at = [], first
    for index, layer in enumerate(layers):
        output = last if index == len(layers) - 1 else f"layer{index}"
        names = (f"{layer.name}weight", f"{layer.name}bias") if layer.shape else ()
        nodes.append(Node(layer.operator, (at, *names), output, dict(layer.attributes)))
        at = output
    return nodes
