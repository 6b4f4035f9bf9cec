"""Training learns, stops when it should, repeats itself, and says when its numbers end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.dataset import Dataset, Part
from modelservice_runtime.training.epoch import Epoch
from modelservice_runtime.training.loop import Trained, train
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
    assert (outcome.epochs, outcome.best_epoch, outcome.stopped) == (1000, 1000, "Epochs")
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


def test_a_schedule_and_a_decay_change_the_steps(make_run: MakeRun, data: Dataset) -> None:
    """Gradient descent by hand, the rate halved after each epoch, the weights pulled to 0."""
    schedule = {"name": "Step", "every": 1, "factor": "0.5"}
    optimizer = {"name": "SGD", "weightDecay": "0.1", "schedule": schedule}
    run = make_run(epochs=4, optimizer=optimizer)
    torch.manual_seed(run.seed)
    start = torch.nn.Linear(10, 1)
    w, b = start.weight.detach().double().numpy()[0], start.bias.detach().double().numpy()[0]
    x, y = data.train.x.astype(float), data.train.y[:, 0].astype(float)
    for epoch in range(4):
        rate, error = 0.01 * 0.5**epoch, x @ w + b - y
        w = w - rate * (2 * x.T @ error / len(x) + 0.1 * w)
        b = b - rate * (2 * error.mean() + 0.1 * b)
    assert weights(trained(run, data)) == pytest.approx([*w, b], abs=1e-5)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_adams_learn(make_run: MakeRun, data: Dataset, name: str) -> None:
    cosine = {"name": "Cosine", "warmupEpochs": 10}
    optimizer = {"name": name, "learningRate": "0.05", "schedule": cosine}
    outcome = trained(make_run(optimizer=optimizer, epochs=400), data)
    assert outcome.metrics["r2"] > 0.999


def test_it_stops_when_it_learns_nothing_more_and_keeps_the_best(
    make_run: MakeRun, data: Dataset
) -> None:
    """A rate that overshoots more and more: the first epochs are the best."""
    epochs: list[Epoch] = []
    run = make_run(optimizer={"name": "SGD", "learningRate": "0.9"}, earlyStop={"patience": 4})
    outcome = trained(run, data, epochs)
    losses = [epoch.metrics["testLoss"] for epoch in epochs]
    best = int(np.argmin(losses))
    assert outcome.stopped == "EarlyStop"
    assert (outcome.best_epoch, outcome.epochs) == (best + 1, best + 5) == (best + 1, len(epochs))
    assert outcome.metrics["testLoss"] == losses[best] < losses[-1]
    assert outcome.loss == epochs[best].loss
    x, y = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)
    assert float(((outcome.network(x) - y) ** 2).mean()) == pytest.approx(losses[best], rel=1e-5)


def test_a_small_gain_is_none(make_run: MakeRun, data: Dataset) -> None:
    rule = {"patience": 2, "minDelta": "1000000"}
    outcome = trained(make_run(earlyStop=rule), data)
    assert (outcome.best_epoch, outcome.epochs) == (1, 3)


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


def test_an_architecture_of_the_users_own_learns(make_run: MakeRun) -> None:
    """Whether the middle of a sequence is above its ends, which a layer over all steps has to tell
    the next one."""
    architecture = {
        "input": {"shape": [-1, 2]},
        "layers": [
            {"type": "LSTM", "units": 8, "sequences": True},
            {"type": "Dense", "units": 8, "activation": "ReLU"},
            {"type": "RNN", "units": 8},
            {"type": "Dense", "units": 1},
        ],
    }
    x = np.random.default_rng(0).uniform(-1, 1, (256, 5, 2)).astype(np.float32)
    y = (x[:, 2, 0] > (x[:, 0, 0] + x[:, 4, 0]) / 2).astype(np.float32)[:, np.newaxis]
    part = Part(x, y)
    run = make_run(
        recipe=None,
        architecture=architecture,
        loss="BinaryCrossEntropy",
        optimizer={"name": "AdamW", "learningRate": "0.02"},
        epochs=60,
    )
    outcome = trained(run, Dataset(train=part, test=part, split_here=False))
    assert outcome.metrics["accuracy"] > 0.95
