"""The recipes' architectures in torch, each giving logits: training is stable on them.

The activation that a model is served with (`head`) follows from the loss and joins at export.
"""

from collections.abc import Callable

from torch import nn

from modelservice_runtime.training.recipes import Loss, Recipe


def build(recipe: Recipe) -> nn.Module:
    """A new network with random weights (torch's own seed decides which)."""
    return _NETWORKS[recipe.name]()


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
    """The network as it is served, ready to be exported."""
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


def _linear() -> nn.Module:
    return nn.Linear(10, 1)


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3),  # 28 → 26
        nn.ReLU(),
        nn.MaxPool2d(2),  # → 13
        nn.Conv2d(32, 64, kernel_size=3),  # → 11
        nn.ReLU(),
        nn.MaxPool2d(2),  # → 5
        nn.Flatten(),
        nn.Linear(64 * 5 * 5, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


_NETWORKS: dict[str, Callable[[], nn.Module]] = {"linear": _linear, "cnn": _cnn}
