"""The demo's datasets suit the recipes, never change, and keep their held-out part apart."""

from pathlib import Path

import numpy as np
import pytest

from e2e.data import DATASETS, linear
from e2e.data.parts import Parts, held_out
from modelservice_runtime.training.dataset import Dataset, load
from modelservice_runtime.training.recipes import RECIPES

RECIPE_OF = {name: name for name in DATASETS if name != "iris"} | {"digits": "cnn"}

# Flowers that measure the same.
TWINS = {"iris": 1}


def trained_on(path: Path, *, recipe: str) -> Dataset:
    chosen = RECIPES[recipe]
    return load(path, uri="", recipe=chosen, loss=chosen.losses[0], seed=0, limit=2**30)


@pytest.mark.parametrize("name", RECIPE_OF)
def test_the_recipe_takes_it(tmp_path: Path, name: str) -> None:
    out = tmp_path / "d.npz"
    DATASETS[name](seed=0).write(out)
    data = trained_on(out, recipe=RECIPE_OF[name])
    assert not data.split_here
    with np.load(held_out(out)) as held:
        assert held["x"].shape[1:] == data.train.x.shape[1:]
        assert len(held["x"]) == len(held["y"]) >= 100


@pytest.mark.parametrize("name", DATASETS)
def test_no_held_out_sample_is_trained_on(name: str) -> None:
    parts: Parts = DATASETS[name](seed=0)
    seen = {sample.tobytes() for sample in np.concatenate([parts.train[0], parts.test[0]])}
    both = seen & {sample.tobytes() for sample in parts.held[0]}
    assert len(both) <= TWINS.get(name, 0)


@pytest.mark.parametrize("name", DATASETS)
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, name: str) -> None:
    first, second, other = (tmp_path / f"{file}.npz" for file in "abc")
    for path, seed in ((first, 1), (second, 1), (other, 2)):
        DATASETS[name](seed=seed).write(path)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()
    assert held_out(first).read_bytes() == held_out(second).read_bytes()


def test_the_local_training_finds_the_least_squares_solution() -> None:
    x, y = linear.parts(seed=0).train
    weights, bias = linear.trained_locally(x, y)
    design = np.column_stack([x, np.ones(len(x))])
    exact, *_ = np.linalg.lstsq(design, y[:, 0], rcond=None)
    assert np.allclose([*weights, bias], exact, atol=1e-4)
    assert np.allclose(weights, linear.WEIGHTS, atol=5 * linear.NOISE / np.sqrt(len(x)))
