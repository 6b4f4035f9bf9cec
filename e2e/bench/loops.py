"""The training loop beside a plain one of torch, on the same network and data, in turns.

    python3 -m e2e.bench.loops PAIRS     inside of the trainer's image

It writes a line of JSON for each training: recipe, pair, side, samples a second.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from modelservice_runtime.training.dataset import Dataset, Part
from modelservice_runtime.training.loop import train
from modelservice_runtime.training.networks import build, criterion
from modelservice_runtime.training.recipes import RECIPES, Loss, OptimizerName
from modelservice_runtime.training.run import VARIABLE, Run, parse

# Recipe → samples, epochs: a second or two on one core.
SIZES = {"cnn": (1920, 1), "binary": (6400, 20), "rnn": (2000, 200), "mlp": (20_000, 200)}
STEPS = 12
TEST = 64

Side = Callable[[Run, Dataset], object]


def main(pairs: int) -> None:
    for name, (samples, epochs) in SIZES.items():
        run, dataset = _run(name, epochs=epochs), _dataset(name, samples=samples)
        for side in (ours, plain):
            side(_run(name, epochs=1), dataset)  # what is done once is not counted
        for pair in range(pairs):
            for side in (ours, plain) if pair % 2 else (plain, ours):
                began = time.perf_counter()
                side(run, dataset)
                seconds = time.perf_counter() - began
                told = {"recipe": name, "pair": pair, "side": side.__name__}
                print(json.dumps({**told, "rate": samples * epochs / seconds}), flush=True)


def ours(run: Run, dataset: Dataset) -> object:
    """As a training pod does it, measured and told of as there."""
    return train(run, dataset, device=torch.device("cpu"), on_epoch=lambda epoch: None)


def plain(run: Run, dataset: Dataset) -> object:
    """As one writes it by hand."""
    torch.manual_seed(run.seed)
    network = build(run.recipe)
    rate, parameters = run.optimizer.learning_rate, network.parameters()
    adam = run.optimizer.name is OptimizerName.ADAM
    optimizer = torch.optim.Adam(parameters, lr=rate) if adam else torch.optim.SGD(parameters, rate)
    objective = criterion(run.loss)
    for _ in range(run.epochs):
        total = 0.0
        for x, y in _batches(dataset.train, size=run.batch_size):
            optimizer.zero_grad()
            loss = objective(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
    return total / len(dataset.train)


def _batches(part: Part, *, size: int) -> Iterator[tuple[Any, Any]]:
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    if not size:
        yield x, y
        return
    for indices in torch.randperm(len(x)).split(size):
        yield x[indices], y[indices]


def _run(recipe: str, *, epochs: int) -> Run:
    place = {"uri": "s3://bench/x/", "credentials": "/none"}
    document = {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "bench", "name": "bench"},
        "model": "bench",
        "run": "bench",
        "recipe": recipe,
        "epochs": epochs,
        "dataset": place,
        "output": place,
    }
    return parse({VARIABLE: json.dumps(document)})


def _dataset(name: str, *, samples: int) -> Dataset:
    recipe, generator = RECIPES[name], np.random.default_rng(0)
    shape = [STEPS if length < 0 else length for length in recipe.sample_shape]
    x = generator.random((samples, *shape), dtype=np.float32)
    y: np.ndarray = generator.random((samples, *recipe.output_shape), dtype=np.float32)
    match recipe.losses[0]:
        case Loss.CROSS_ENTROPY:
            y = generator.integers(0, recipe.output_shape[0], samples)
        case Loss.BINARY_CROSS_ENTROPY:
            y = y.round()
    part = Part(x, y)
    return Dataset(train=part, test=Part(x[:TEST], y[:TEST]), split_here=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
