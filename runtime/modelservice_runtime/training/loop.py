"""The training loop: epochs of batches until they are done or the loss has reached the target.

Deterministic on a CPU: the same run on the same data gives the same losses. What an epoch came to
goes to `on_epoch`; the loop itself neither logs nor talks to anybody.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.best import Best
from modelservice_runtime.training.dataset import Dataset, Part
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.epoch import Epoch
from modelservice_runtime.training.metrics import measure
from modelservice_runtime.training.networks import build, criterion, head
from modelservice_runtime.training.recipes import FULL_BATCH, OptimizerName
from modelservice_runtime.training.run import Run

# Metrics cost a pass over the test part: this many a run, so that a thousand short epochs stay
# short and their log can be read.
_MEASURED_EPOCHS = 40
_TEST_BATCH = 512


@dataclass(frozen=True)
class Trained:
    """The outcome: the network on the CPU, without its head, and what is told about it.

    epochs: how many were done; the network, `loss` and `metrics` are those of `best_epoch`, which
    is the last one unless it ends by itself. stopped: "Epochs", "TargetLoss" or "EarlyStop".
    seconds: of the loop alone.
    """

    network: nn.Module
    epochs: int
    best_epoch: int
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
    best = Best(run.early_stop) if run.early_stop is not None else None
    last = Epoch(number=0, loss=math.inf)
    stopped = "Epochs"
    for last in _epochs(run, dataset, network=network, device=device):
        on_epoch(last)
        if best is not None:
            best.hear(last, network=network)
        if run.target_loss is not None and last.loss <= run.target_loss:
            stopped = "TargetLoss"
            break
        if best is not None and best.is_over(last):
            stopped = "EarlyStop"
            break
    kept = last if best is None else best.restore(network)
    metrics = kept.metrics or evaluate(run, network, dataset.test, device=device)
    _check_finite(run, epoch=kept.number, loss=metrics["testLoss"])
    return Trained(
        network=network.cpu().eval(),
        epochs=last.number,
        best_epoch=kept.number,
        loss=kept.loss,
        metrics=metrics,
        stopped=stopped,
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
    every = 1 if run.early_stop is not None else math.ceil(run.epochs / _MEASURED_EPOCHS)
    rate = run.optimizer.learning_rate
    started = time.monotonic()
    for number in range(1, run.epochs + 1):
        begun = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = rate * run.optimizer.schedule.share(number, epochs=run.epochs)
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
    parameters = network.parameters()
    common = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
    match chosen.name:
        case OptimizerName.SGD:
            return torch.optim.SGD(parameters, momentum=chosen.momentum, **common)
        case OptimizerName.ADAM:
            return torch.optim.Adam(parameters, **common)
        case OptimizerName.ADAMW:
            return torch.optim.AdamW(parameters, **common)


def _check_finite(run: Run, *, epoch: int, loss: float) -> None:
    if math.isfinite(loss):
        return
    raise Failure(
        reason=Reason.TRAINING_DIVERGED,
        message=f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} in epoch {epoch} of "
        f"{run.epochs}. Lower training.optimizer.learningRate (it is "
        f"{decimal(run.optimizer.learning_rate)}) or scale the dataset's values to about 0…1.",
    )
