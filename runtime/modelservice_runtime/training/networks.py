"""Architectures in torch, each giving logits: training is stable on them.

The activation that a model is served with (`head`) follows from the loss and joins at export.
"""

import torch
from torch import nn

from modelservice_runtime.training.layers import (
    Activation,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    Function,
    MaxPool2D,
    Placed,
    Recurrent,
)
from modelservice_runtime.training.recipes import Initialisation, Loss, Recipe

_FUNCTIONS: dict[Function, type[nn.Module]] = {
    Function.RELU: nn.ReLU,
    Function.TANH: nn.Tanh,
    Function.SIGMOID: nn.Sigmoid,
}
_CELLS: dict[Cell, type[nn.RNNBase]] = {Cell.RNN: nn.RNN, Cell.LSTM: nn.LSTM}


class LastStep(nn.Module):  # type: ignore[misc]  # torch is not there to be checked
    """A recurrent layer [N, steps, features] → [N, units], the last step's, or with `sequences`
    → [N, steps, units]."""

    def __init__(self, cell: nn.RNNBase, *, sequences: bool) -> None:
        super().__init__()
        self.cell = cell
        self._sequences = sequences

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps: torch.Tensor = self.cell(x)[0]
        return steps if self._sequences else steps[:, -1]


def build(recipe: Recipe) -> nn.Module:
    """A new network with random weights (torch's own seed decides which)."""
    modules = [_module(placed) for placed in recipe.architecture.placed]
    network = modules[0] if len(modules) == 1 else nn.Sequential(*modules)
    if recipe.initialisation is Initialisation.KERAS:
        network.apply(_as_keras)
    return network


def head(loss: Loss) -> nn.Module:
    """What turns logits into what is served."""
    match loss:
        case Loss.MSE:
            return nn.Identity()
        case Loss.CROSS_ENTROPY:
            return nn.Softmax(dim=1)
        case Loss.BINARY_CROSS_ENTROPY:
            return nn.Sigmoid()


def with_head(network: nn.Module, *, loss: Loss) -> nn.Module:
    """The network as it is served."""
    return nn.Sequential(network, head(loss)).eval()


def criterion(loss: Loss) -> nn.Module:
    """The loss of logits, averaged over the samples of a batch."""
    match loss:
        case Loss.MSE:
            return nn.MSELoss()
        case Loss.CROSS_ENTROPY:
            return nn.CrossEntropyLoss()
        case Loss.BINARY_CROSS_ENTROPY:
            return nn.BCEWithLogitsLoss()


def _module(placed: Placed) -> nn.Module:
    given = placed.given
    match placed.layer:
        case Dense(units=units):
            return nn.Linear(given[-1], units)
        case Conv2D(filters=filters, kernel=kernel, same=same):
            return nn.Conv2d(given[0], filters, kernel, padding=kernel // 2 if same else 0)
        case MaxPool2D(size=size):
            return nn.MaxPool2d(size)
        case Flatten():
            return nn.Flatten()
        case Activation(function=function):
            return _FUNCTIONS[function]()
        case Recurrent(cell=cell, units=units, sequences=sequences):
            return LastStep(_CELLS[cell](given[1], units, batch_first=True), sequences=sequences)
    raise TypeError(f"torch has nothing for {placed.layer}")


def _as_keras(module: nn.Module) -> None:
    """Weights as Keras begins with: Glorot's uniform ones, orthogonal ones from step to step, and
    biases of zero, but of one where an LSTM forgets (https://keras.io/api/layers/initializers/)."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.RNNBase):
        for name, weight in module.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
        if isinstance(module, nn.LSTM):
            with torch.no_grad():
                module.bias_ih_l0[module.hidden_size : 2 * module.hidden_size] = 1.0
