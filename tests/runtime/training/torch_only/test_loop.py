"""Training learns, stops when it should, repeats itself, and says when its numbers end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.dataset import Dataset, Part
from modelservice_runtime.training.loop import Epoch, Trained, train
from modelservice_runtime.training.run import Run

pytestmark = pytest.mark.torch

MakeRun = Callable[..., Run]


@pytest.fixture
def data(line: dict[str, np.ndarray]) -> Dataset:
    part = Part(line["x"], line["y"].reshape(-1, 1))
    return Dataset(train=part, test=Part(part.x[:16], part.y[:16]), split_here=False)


@pytest.fixture
def images() -> Dataset:
    """Ten classes that a glance tells apart: a bright row each."""
    y = np.arange(80) % 10
    x = np.zeros((80, 1, 28, 28), np.float32)
    x[np.arange(80), 0, 2 * y + 3] = 1
    part = Part(x, y)
    return Dataset(train=part, test=part, split_here=False)


def trained(run: Run, data: Dataset, epochs: list[Epoch] | None = None) -> Trained:
    heard: list[Epoch] = [] if epochs is None else epochs
    return train(run, data, device=torch.device("cpu"), on_epoch=heard.append)


def weights(outcome: Trained) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in outcome.network.parameters()]).numpy()


def test_linear_finds_the_line(make_run: MakeRun, data: Dataset) -> None:
    outcome = trained(make_run(), data)
    assert weights(outcome) == pytest.approx([2, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1], abs=1e-3)
    assert (outcome.epochs, outcome.stopped) == (1000, "Epochs")
    assert set(outcome.metrics) == {"mae", "r2", "testLoss"}
    assert outcome.metrics["r2"] > 0.9999


def test_linear_is_plain_gradient_descent(make_run: MakeRun, data: Dataset) -> None:
    """The same steps by hand from the same weights."""
    run = make_run(epochs=25)
    torch.manual_seed(run.seed)
    start = torch.nn.Linear(10, 1)
    w, b = start.weight.detach().double().numpy()[0], start.bias.detach().double().numpy()[0]
    x, y = data.train.x.astype(float), data.train.y[:, 0].astype(float)
    for _ in range(25):
        error = x @ w + b - y
        w, b = w - 0.01 * 2 * x.T @ error / len(x), b - 0.01 * 2 * error.mean()
    assert weights(trained(run, data)) == pytest.approx([*w, b], abs=1e-5)


def test_logistic_regression_separates(make_run: MakeRun, data: Dataset) -> None:
    y = (data.train.y > 1).astype(np.float32)
    part = Part(data.train.x, y)
    run = make_run(loss="BinaryCrossEntropy", optimizer={"name": "Adam", "learningRate": "0.1"})
    outcome = trained(run, Dataset(train=part, test=part, split_here=False))
    assert outcome.metrics["accuracy"] == 1.0


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "Adam"}, {"name": "SGD", "learningRate": "0.05", "momentum": "0.9"}],
)
def test_cnn_tells_the_classes_apart(
    make_run: MakeRun, images: Dataset, optimizer: dict[str, str]
) -> None:
    run = make_run(recipe="cnn", optimizer=optimizer, epochs=30, batchSize=16)
    assert trained(run, images).metrics["accuracy"] == 1.0


@pytest.mark.parametrize("changes", [{"recipe": "cnn", "epochs": 3}, {"recipe": "linear"}])
def test_the_same_seed_gives_the_same_model(
    make_run: MakeRun, data: Dataset, images: Dataset, changes: dict[str, Any]
) -> None:
    given = images if changes["recipe"] == "cnn" else data
    first, second = (trained(make_run(**changes, seed=7), given) for _ in range(2))
    assert first.loss == second.loss
    assert np.array_equal(weights(first), weights(second))
    other = trained(make_run(**changes, seed=8), given)
    assert not np.array_equal(weights(first), weights(other))


def test_it_stops_after_the_first_epoch_at_the_target(make_run: MakeRun, data: Dataset) -> None:
    epochs: list[Epoch] = []
    outcome = trained(make_run(targetLoss="0.5"), data, epochs)
    assert outcome.stopped == "TargetLoss"
    assert outcome.loss == epochs[-1].loss <= 0.5 < epochs[-2].loss
    assert outcome.epochs == len(epochs) < 1000
    assert "r2" in outcome.metrics


def test_every_epoch_is_told_and_about_forty_are_measured(make_run: MakeRun, data: Dataset) -> None:
    epochs: list[Epoch] = []
    trained(make_run(epochs=997), data, epochs)
    assert [epoch.number for epoch in epochs] == list(range(1, 998))
    measured = [epoch.number for epoch in epochs if epoch.metrics]
    assert 38 <= len(measured) <= 42
    assert (measured[0], measured[-1]) == (1, 997)
    assert epochs[-1].eta_seconds == 0 < epochs[0].eta_seconds
    assert all(epoch.samples_per_second > 0 for epoch in epochs)


def test_every_sample_trains_once_an_epoch_in_a_new_order(make_run: MakeRun) -> None:
    """With a rate that changes nothing, the loss of an epoch is the mean over the samples."""
    x = np.ones((5, 10), np.float32)
    y = np.arange(5, dtype=np.float32).reshape(-1, 1)
    part = Part(x, y)
    run = make_run(batchSize=2, epochs=2, optimizer={"learningRate": "1e-30"})
    outcome = trained(run, Dataset(train=part, test=part, split_here=False))
    assert outcome.loss == pytest.approx(outcome.metrics["testLoss"], rel=1e-6)


@pytest.mark.parametrize(
    ("rate", "epochs", "sentence"),
    [
        ("10", 1000, r"The loss became (infinite|NaN) in epoch \d+ of 1000"),
        ("1e25", 1, "The loss became infinite in epoch 1 of 1"),
    ],
)
def test_numbers_that_end_are_a_failure_with_advice(
    make_run: MakeRun, data: Dataset, rate: str, epochs: int, sentence: str
) -> None:
    run = make_run(optimizer={"name": "SGD", "learningRate": rate}, epochs=epochs)
    with pytest.raises(Failure, match=sentence) as caught:
        trained(run, data)
    assert caught.value.reason is Reason.TRAINING_DIVERGED
    assert not caught.value.heals
    assert "Lower training.optimizer.learningRate (it is 1" in caught.value.message
