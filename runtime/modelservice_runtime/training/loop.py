"""The training loop: epochs of batches until they are done or the loss has reached the target.

Deterministic on a CPU: the same run on the same data gives the same losses. What an epoch came to
goes to `on_epoch`; the loop itself neither logs nor talks to anybody.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.dataset import Dataset, Part
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.metrics import measure
from modelservice_runtime.training.networks import build, criterion, head
from modelservice_runtime.training.recipes import FULL_BATCH, OptimizerName
from modelservice_runtime.training.run import Run

# Metrics cost a pass over the test part: this many a run, so that a thousand short epochs stay
# short and their log can be read.
_MEASURED_EPOCHS = 40
_TEST_BATCH = 512


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `metrics` is empty for epochs that were not measured."""

    number: int
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples_per_second: float = 0.0
    eta_seconds: float = 0.0


@dataclass(frozen=True)
class Trained:
    """The outcome: the network on the CPU, without its head, and what is told about it.

    stopped: "Epochs" or "TargetLoss". seconds: of the loop alone.
    """

    network: nn.Module
    epochs: int
    loss: float
    metrics: Mapping[str, float]
    stopped: str
    seconds: float


def train(
    run: Run, dataset: Dataset, *, device: torch.device, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """Train the run's recipe. Raises `Failure` with `TrainingDiverged` when numbers end."""
    torch.manual_seed(run.seed)
    network = build(run.recipe).to(device)
    started = time.monotonic()
    epoch = Epoch(number=0, loss=math.inf)
    for epoch in _epochs(run, dataset, network=network, device=device):
        on_epoch(epoch)
        if run.target_loss is not None and epoch.loss <= run.target_loss:
            break
    metrics = epoch.metrics or evaluate(run, network, dataset.test, device=device)
    _check_finite(run, epoch=epoch.number, loss=metrics["testLoss"])
    reached = run.target_loss is not None and epoch.loss <= run.target_loss
    return Trained(
        network=network.cpu().eval(),
        epochs=epoch.number,
        loss=epoch.loss,
        metrics=metrics,
        stopped="TargetLoss" if reached else "Epochs",
        seconds=time.monotonic() - started,
    )


def evaluate(run: Run, network: nn.Module, part: Part, *, device: torch.device) -> dict[str, float]:
    """The loss (`testLoss`) and the metrics on a part that does not train."""
    network.eval()
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(torch.from_numpy(part.x[start : start + _TEST_BATCH]).to(device))
                for start in range(0, len(part), _TEST_BATCH)
            ]
        ).cpu()
        loss = float(criterion(run.loss)(logits, torch.from_numpy(part.y)))
        predictions: np.ndarray = head(run.loss)(logits).numpy()
    network.train()
    return {**measure(predictions, part.y, loss=run.loss), "testLoss": loss}


def _epochs(
    run: Run, dataset: Dataset, *, network: nn.Module, device: torch.device
) -> Iterator[Epoch]:
    optimizer = _optimizer(run, network)
    shuffle = torch.Generator().manual_seed(run.seed)
    samples = len(dataset.train)
    every = math.ceil(run.epochs / _MEASURED_EPOCHS)
    started = time.monotonic()
    for number in range(1, run.epochs + 1):
        begun = time.monotonic()
        loss = _epoch(
            run, dataset.train, network=network, optimizer=optimizer, shuffle=shuffle, device=device
        )
        seconds = time.monotonic() - begun
        _check_finite(run, epoch=number, loss=loss)
        metrics: dict[str, float] = {}
        if number % every == 0 or number in (1, run.epochs):
            metrics = evaluate(run, network, dataset.test, device=device)
        elapsed = time.monotonic() - started
        yield Epoch(
            number=number,
            loss=loss,
            metrics=metrics,
            samples_per_second=samples / max(seconds, 1e-9),
            eta_seconds=elapsed / number * (run.epochs - number),
        )


def _epoch(
    run: Run,
    part: Part,
    *,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    shuffle: torch.Generator,
    device: torch.device,
) -> float:
    """One pass over the samples; returns their mean loss, each as it was when its batch came."""
    objective = criterion(run.loss)
    total = torch.zeros((), device=device, dtype=torch.float64)
    for x, y in _batches(part, size=run.batch_size, shuffle=shuffle):
        optimizer.zero_grad(set_to_none=True)
        loss = objective(network(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        # Kept on the device: reading it here would make a GPU wait after every batch.
        total += loss.detach().double() * len(x)
    return float(total) / len(part)


def _batches(
    part: Part, *, size: int, shuffle: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    if size == FULL_BATCH:
        yield x, y
        return
    for indices in torch.randperm(len(part), generator=shuffle).split(size):
        yield x[indices], y[indices]


def _optimizer(run: Run, network: nn.Module) -> torch.optim.Optimizer:
    chosen = run.optimizer
    match chosen.name:
        case OptimizerName.SGD:
            return torch.optim.SGD(
                network.parameters(), lr=chosen.learning_rate, momentum=chosen.momentum
            )
        case OptimizerName.ADAM:
            return torch.optim.Adam(network.parameters(), lr=chosen.learning_rate)


def _check_finite(run: Run, *, epoch: int, loss: float) -> None:
    if math.isfinite(loss):
        return
    raise Failure(
        reason=Reason.TRAINING_DIVERGED,
        message=f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} in epoch {epoch} of "
        f"{run.epochs}. Lower training.optimizer.learningRate (it is "
        f"{decimal(run.optimizer.learning_rate)}) or scale the dataset's values to about 0…1.",
    )
