"""The best epoch so far, where a training ends once it learns nothing more."""

import math

import torch
from torch import nn

from modelservice_runtime.training.epoch import Epoch
from modelservice_runtime.training.run import EarlyStop


class Best:
    """Hears every epoch, each with its metrics, and keeps the weights of the best."""

    def __init__(self, rule: EarlyStop) -> None:
        self._rule = rule
        self._epoch = Epoch(number=0, loss=math.inf)
        self._loss = math.inf
        self._weights: dict[str, torch.Tensor] = {}

    def hear(self, epoch: Epoch, *, network: nn.Module) -> None:
        """An epoch has ended with the network as it is."""
        loss = epoch.metrics["testLoss"]
        if self._weights and not loss < self._loss - self._rule.min_delta:
            return
        self._epoch, self._loss = epoch, loss
        self._weights = {name: value.clone() for name, value in network.state_dict().items()}

    def is_over(self, epoch: Epoch) -> bool:
        """Whether the best one is too long ago."""
        return epoch.number - self._epoch.number >= self._rule.patience

    def restore(self, network: nn.Module) -> Epoch:
        """Give the network the weights of the best epoch, and tell which it was."""
        network.load_state_dict(self._weights)
        return self._epoch
