"""An architecture with its weights as an ONNX file: what a training exports, and what is served of
weights alone (SafeTensors).

Operators are those of opset 17, https://onnx.ai/onnx/operators. No torch is needed here; a test
that has it compares the numbers.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from modelservice_runtime.formats.onnx_writer import Array, Node, model
from modelservice_runtime.training.layers import (
    Activation,
    Architecture,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    Placed,
    Recurrent,
)
from modelservice_runtime.training.recipes import Loss

# Where each gate of an LSTM stands: torch has input, forget, cell, output
# (https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html), ONNX input, output, forget,
# cell.
_GATES = {Cell.RNN: (0,), Cell.LSTM: (0, 3, 1, 2)}
_STEPS_FIRST = (1, 0, 2)


def write(architecture: Architecture, *, loss: Loss, weights: Mapping[str, Array]) -> bytes:
    """The file, with the activation that a model of this loss is served with.

    weights: float32, by the names and in the shapes of `architecture.weights`.
    """
    graph = _Graph(weights)
    at = architecture.input.name
    for placed in architecture.placed:
        at = _layer(graph, placed, at=at)
    graph.name(_head(graph, loss, at=at), as_=architecture.output.name)
    return model(
        graph.nodes, inputs=architecture.input, outputs=architecture.output, weights=graph.constants
    )


class _Graph:
    """Nodes and constants as they are put together."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self._weights = weights

    def add(
        self,
        operator: str,
        *inputs: str,
        wanted: int = 0,
        **attributes: int | Sequence[int],
    ) -> str:
        """Add a node: the name of the output that is wanted of it, the first unless said."""
        name = f"layer{len(self.nodes)}"
        outputs = (*("" for _ in range(wanted)), name)
        self.nodes.append(Node(operator, inputs, outputs, attributes))
        return name

    def weight(self, name: str) -> str:
        """A weight as it is."""
        return self.constant(name, self._weights[name])

    def made(self, name: str) -> Array:
        """A weight to make a constant from."""
        return self._weights[name]

    def constant(self, name: str, value: Array) -> str:
        self.constants[name] = value
        return name

    def name(self, at: str, *, as_: str) -> None:
        """Give the last output its name."""
        last = self.nodes[-1]
        outputs = [as_ if name == at else name for name in last.outputs]
        self.nodes[-1] = Node(last.operator, last.inputs, outputs, last.attributes)


def _layer(graph: _Graph, placed: Placed, *, at: str) -> str:
    """The nodes of a layer on the output `at`; the name of its own."""
    prefix = placed.prefix
    match placed.layer:
        case Dense():
            return _dense(graph, placed, at=at)
        case Conv2D(kernel=kernel, same=same):
            pads = [kernel // 2 if same else 0] * 4
            names = (graph.weight(f"{prefix}weight"), graph.weight(f"{prefix}bias"))
            return graph.add("Conv", at, *names, pads=pads)
        case MaxPool2D(size=size):
            return graph.add("MaxPool", at, kernel_shape=(size, size), strides=(size, size))
        case Flatten():
            return graph.add("Flatten", at)
        case Activation(function=function):
            return graph.add(function, at)
        case Recurrent():
            return _recurrent(graph, placed, layer=placed.layer, at=at)
    raise TypeError(f"ONNX has nothing for {placed.layer}")


def _dense(graph: _Graph, placed: Placed, *, at: str) -> str:
    weight, bias = f"{placed.prefix}weight", f"{placed.prefix}bias"
    if len(placed.given) == 1:
        return graph.add("Gemm", at, graph.weight(weight), graph.weight(bias), transB=1)
    # Gemm is for matrices alone.
    turned = graph.constant(f"{weight}.turned", graph.made(weight).T)
    return graph.add("Add", graph.add("MatMul", at, turned), graph.weight(bias))


def _recurrent(graph: _Graph, placed: Placed, *, layer: Recurrent, at: str) -> str:
    """ONNX wants the steps first, one direction as an axis of its own, and both biases in one."""

    def turned(name: str) -> Array:
        parts = np.split(graph.made(f"{prefix}{name}"), layer.cell.gates)
        return np.concatenate([parts[gate] for gate in _GATES[layer.cell]])[np.newaxis]

    prefix = f"{placed.prefix}cell."
    names = [
        graph.constant(f"{prefix}W", turned("weight_ih_l0")),
        graph.constant(f"{prefix}R", turned("weight_hh_l0")),
        graph.constant(
            f"{prefix}B",
            np.concatenate([turned("bias_ih_l0"), turned("bias_hh_l0")], axis=1),
        ),
    ]
    steps = graph.add("Transpose", at, perm=_STEPS_FIRST)
    if not layer.sequences:  # [1, N, units] of the last step
        last = graph.add(layer.cell, steps, *names, wanted=1, hidden_size=layer.units)
        return graph.add("Squeeze", last, _axis(graph, 0))
    every = graph.add(layer.cell, steps, *names, hidden_size=layer.units)  # [steps, 1, N, units]
    return graph.add("Transpose", graph.add("Squeeze", every, _axis(graph, 1)), perm=_STEPS_FIRST)


def _axis(graph: _Graph, number: int) -> str:
    return graph.constant(f"axis{number}", np.array([number], np.int64))


def _head(graph: _Graph, loss: Loss, *, at: str) -> str:
    match loss:
        case Loss.MSE:
            return at
        case Loss.CROSS_ENTROPY:
            return graph.add("Softmax", at, axis=1)
        case Loss.BINARY_CROSS_ENTROPY:
            return graph.add("Sigmoid", at)
