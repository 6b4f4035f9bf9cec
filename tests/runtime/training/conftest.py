"""A run, a dataset and a storage in memory, as each test wants them."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

from modelservice_runtime.artifacts.errors import Place
from modelservice_runtime.artifacts.guard import Guard
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.training.run import VARIABLE, Run, parse

# Each place runs what it has: the development environment has no torch, the trainer image has
# neither scikit-learn nor anything else of the demo.
collect_ignore = [
    path
    for path, module in (("torch_only", "torch"), ("test_demo_data.py", "sklearn"))
    if importlib.util.find_spec(module) is None
]

OUTPUT = "s3://models/default/digits/digits/6f2c0d/"
DATASET = "s3://data/digits.npz"


def document(**changes: Any) -> dict[str, Any]:
    """A run as the operator writes it, with fields changed, or left out where None."""
    fields = {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "default", "name": "digits"},
        "model": "digits",
        "run": "6f2c0d",
        "recipe": "linear",
        "dataset": {"uri": DATASET, "credentials": "/credentials"},
        "output": {"uri": OUTPUT, "credentials": "/credentials"},
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


@pytest.fixture
def make_run() -> Callable[..., Run]:
    return lambda **changes: parse({VARIABLE: json.dumps(document(**changes))})


@pytest.fixture
def make_document() -> Callable[..., dict[str, Any]]:
    return document


@pytest.fixture
def bucket() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def storage(bucket: MemoryStore) -> Callable[[str], Storage]:
    """Opens a place by its URI; all buckets are one store, by key."""

    def open_at(uri: str) -> Storage:
        name, _, key = uri.removeprefix("s3://").partition("/")
        place = Place(bucket=name, key=key, aws=True, secret="secret")
        return Storage(place=place, store=bucket, guard=Guard(Network(), trusted=None))

    return open_at


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[..., Path]:
    def write(**arrays: np.ndarray) -> Path:
        path = tmp_path / "dataset.npz"
        np.savez(path, **arrays)
        return path

    return write


@pytest.fixture
def line() -> dict[str, np.ndarray]:
    """A small regression with a known answer: y = 2·x₀ - x₉ + 1."""
    x = np.random.default_rng(0).standard_normal((64, 10)).astype(np.float32)
    return {"x": x, "y": (2 * x[:, 0] - x[:, 9] + 1).astype(np.float32)}
