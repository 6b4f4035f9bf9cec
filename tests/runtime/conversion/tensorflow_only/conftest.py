"""Models of many kinds, saved as their owners save them, on a volume as acquire leaves it."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import pytest
import tensorflow as tf

from modelservice_runtime.conversion.request import VARIABLE
from modelservice_runtime.conversion.workspace import (
    CONFIG,
    HDF5,
    METADATA,
    WEIGHTS,
    Source,
    Workspace,
)
from tests.runtime.conversion.examples import document


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """TensorFlow, Keras and tf2onnx warn of one another's age; none of it is ours to mend."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def seed() -> None:
    keras.utils.set_random_seed(7)


@pytest.fixture
def make_environ() -> Callable[[], dict[str, str]]:
    return lambda: {VARIABLE: json.dumps(document())}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "work")
    found.source.mkdir(parents=True)
    return found


@pytest.fixture
def keep(workspace: Workspace, tmp_path: Path) -> Callable[[Any, str], Workspace]:
    """Save a model as `.keras`, `.h5` or a SavedModel; the volume for the converter."""

    def kept(model: Any, kind: str) -> Workspace:
        shutil.rmtree(workspace.source)
        workspace.source.mkdir()
        if kind == "keras":
            path = tmp_path / "model.keras"
            model.save(path)
            with zipfile.ZipFile(path) as archive:
                archive.extract(METADATA, workspace.source)
                archive.extract(CONFIG, workspace.source)
                archive.extract(WEIGHTS, workspace.source)
        elif kind == "h5":
            model.save(workspace.source / HDF5)
        elif isinstance(model, keras.Model):
            model.export(workspace.source, verbose=False)
        else:
            tf.saved_model.save(model, str(workspace.source))
        format_ = "SavedModel" if kind == "saved" else "Keras"
        workspace.acquired(Source(format=format_, digest="sha256:0", size=1))
        return workspace

    return kept
