"""What Keras 2 saved, for years, is converted as it is; `files/make.py` made it."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnxruntime
import pytest

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.conversion.convert import convert
from modelservice_runtime.conversion.workspace import HDF5, Source, Workspace
from modelservice_runtime.failure import Failure, Reason

FILES = Path(__file__).parents[1] / "files"


def answer(workspace: Workspace, name: str, *shape: int) -> float:
    session = onnxruntime.InferenceSession(str(workspace.onnx))
    (found,) = session.run(None, {name: np.ones(shape, "float32")})
    return float(found[0, 0])


def test_an_hdf5_file(workspace: Workspace) -> None:
    shutil.copy(FILES / "keras-2.h5", workspace.source / HDF5)
    workspace.acquired(Source(format="Keras", digest="sha256:0", size=1))
    convert(workspace)
    signature = onnx_model.read(workspace.onnx)
    assert list(map(str, signature.inputs)) == ["steps FP32 [-1, 4, 3]"]
    assert list(map(str, signature.outputs)) == ["score FP32 [-1, 1]"]
    assert answer(workspace, "steps", 1, 4, 3) == pytest.approx(0.55585575, abs=1e-5)


@pytest.mark.parametrize("version", ["2.15.0", None])
def test_a_function_that_keras_3_changed_is_not_converted_in_silence(
    version: str | None, keep: Callable[[Any, str], Workspace]
) -> None:
    given = keras.Input((4, 3), name="x")
    model = keras.Model(given, keras.layers.LSTM(2, recurrent_activation="hard_sigmoid")(given))
    workspace = keep(model, "h5")
    convert(workspace)
    with h5py.File(workspace.source / HDF5, "a") as file:
        del file.attrs["keras_version"]
        if version is not None:
            file.attrs["keras_version"] = version
    with pytest.raises(Failure, match="hard_sigmoid is another function") as caught:
        convert(workspace)
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_a_saved_model_with_its_training(workspace: Workspace) -> None:
    with zipfile.ZipFile(FILES / "keras-2-saved.zip") as archive:
        archive.extractall(workspace.source)
    workspace.acquired(Source(format="SavedModel", digest="sha256:0", size=1))
    convert(workspace)
    signature = onnx_model.read(workspace.onnx)
    assert list(map(str, signature.inputs)) == ["x FP32 [-1, 3]"]
    assert list(map(str, signature.outputs)) == ["score FP32 [-1, 1]"]
    assert answer(workspace, "x", 1, 3) == pytest.approx(0.5251579, abs=1e-5)
