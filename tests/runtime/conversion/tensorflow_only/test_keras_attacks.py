"""Files that want more than to be a model are refused before Keras reads them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from modelservice_runtime.conversion import convert as program
from modelservice_runtime.conversion import hdf5, keras_model
from modelservice_runtime.conversion.convert import convert
from modelservice_runtime.conversion.workspace import CONFIG, HDF5, WEIGHTS, Workspace
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.tensorflow_only import models

Keep = Callable[[Any, str], Workspace]


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras must not be reached."""

    def reached(path: Path) -> None:
        raise AssertionError(f"Keras was given {path}")

    monkeypatch.setattr(keras_model, "_keras", reached)


def refused(workspace: Workspace, *, told: str, reason: Reason = Reason.UNSAFE_CONTENT) -> None:
    with pytest.raises(Failure, match=told) as caught:
        convert(workspace)
    assert caught.value.reason is reason
    assert not (workspace.onnx.parent / "report.json").exists()


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_lambda_is_not_loaded(kind: str, keep: Keep) -> None:
    given = keras.Input((2,))
    model = keras.Model(given, layers.Lambda(lambda x: x + 1)(given))
    refused(keep(model, kind), told="Lambda")


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_class_of_the_owners_own_is_not_loaded(kind: str, keep: Keep) -> None:
    @keras.saving.register_keras_serializable(package="mine")
    class Own(layers.Layer):  # type: ignore[misc]  # Keras has no types here
        def call(self, x: Any) -> Any:
            return x

    given = keras.Input((2,))
    refused(keep(keras.Model(given, Own()(given)), kind), told="mine>Own")


@pytest.mark.usefixtures("never")
def test_a_file_of_words_is_not_read(keep: Keep, tmp_path: Path) -> None:
    workspace = keep(models.dense(), "keras")
    path = workspace.source / CONFIG
    config = json.loads(path.read_text())
    lookup = {"module": "keras.layers", "class_name": "StringLookup", "registered_name": None,
              "config": {"vocabulary": "/etc/passwd"}}  # fmt: skip
    config["config"]["layers"].append(lookup)
    path.write_text(json.dumps(config))
    refused(workspace, told="StringLookup")


def test_what_is_loaded_is_what_was_judged(keep: Keep) -> None:
    """A second key of the same name, or a training, is not in what Keras reads."""
    workspace = keep(models.nested(), "keras")
    text = (workspace.source / CONFIG).read_text()
    assert text.count('"compile_config"') == 2
    convert(workspace)
    assert "compile_config" not in (workspace.prepared / CONFIG).read_text()
    twice = text.replace('{"module"', '{"class_name": "Lambda", "module"', 1)
    (workspace.source / CONFIG).write_text(twice)
    convert(workspace)
    assert "Lambda" not in (workspace.prepared / CONFIG).read_text()


def test_what_is_loaded_of_an_hdf5_file_is_what_was_judged(keep: Keep) -> None:
    workspace = keep(models.nested(), "h5")
    path = workspace.source / HDF5
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["compile_config"] = {"class_name": "Lambda", "config": {}}
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["training_config"] = "not even JSON"
    convert(workspace)
    with h5py.File(path, "r") as file:
        assert set(file.attrs) == {"backend", "keras_version", "model_config"}
        assert "compile_config" not in file.attrs["model_config"]


def elsewhere(path: Path) -> Path:
    """Another file with weights of the same shape: what somebody would want to read."""
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["secret"] = np.full((10, 16), 42, "float32")
    raw = path.with_name("other.raw")
    np.full((10, 16), 42, "float32").tofile(raw)
    return other


def first(group: Any) -> Any:
    """The first dataset of weights with two axes, by its group and key."""
    found: list[Any] = []

    def look(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and one.ndim == 2 and not found:
            found.append((one.parent, name.rpartition("/")[2]))

    group.visititems(look)
    return found[0]


def external_link(file: Any, other: Path) -> None:
    group, key = first(file)
    del group[key]
    group[key] = h5py.ExternalLink(str(other), "/secret")


def soft_link(file: Any, other: Path) -> None:
    group, key = first(file)
    del group[key]
    group[key] = h5py.SoftLink("/elsewhere")


def external_storage(file: Any, other: Path) -> None:
    group, key = first(file)
    del group[key]
    raw = other.with_suffix(".raw")
    group.create_dataset(key, (10, 16), "float32", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def virtual(file: Any, other: Path) -> None:
    group, key = first(file)
    del group[key]
    layout = h5py.VirtualLayout((10, 16), "float32")
    layout[:] = h5py.VirtualSource(str(other), "secret", (10, 16))
    group.create_virtual_dataset(key, layout)


def references(file: Any, other: Path) -> None:
    file["extra"] = np.array([file.ref], dtype=h5py.ref_dtype)


def texts(file: Any, other: Path) -> None:
    file["extra"] = "a text of any length"


def named_type(file: Any, other: Path) -> None:
    file["extra"] = np.dtype("float32")


def plugin(file: Any, other: Path) -> None:
    file.create_dataset("extra", (64,), "float32", chunks=(64,), compression="lzf")


ATTACKS = {
    one.__name__: (one, told)
    for one, told in (
        (external_link, "is a link to another place"),
        (soft_link, "is a link to another place"),
        (external_storage, "lies in other files"),
        (virtual, "lies in other files"),
        (references, "something else than numbers"),
        (texts, "something else than numbers"),
        (named_type, "neither a group nor a dataset"),
        (plugin, "packed by a plugin"),
    )
}


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(("kind", "name"), [("keras", WEIGHTS), ("h5", HDF5)])
@pytest.mark.parametrize(("change", "told"), ATTACKS.values(), ids=ATTACKS.keys())
def test_weights_lead_to_no_other_place(
    change: Callable[[Any, Path], None], told: str, kind: str, name: str, keep: Keep
) -> None:
    workspace = keep(models.dense(), kind)
    path = workspace.source / name
    other = elsewhere(path)
    hdf5.require_plain(path)
    with h5py.File(path, "a") as file:
        change(file, other)
    refused(workspace, told=told)


def test_a_group_that_is_in_itself_is_walked_once(tmp_path: Path) -> None:
    path = tmp_path / "loop.h5"
    with h5py.File(path, "w") as file:
        file.create_group("a/b")
        file["a/b/back"] = file["a"]
        file["a/b/root"] = file["/"]
    hdf5.require_plain(path)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(("kind", "name"), [("keras", WEIGHTS), ("h5", HDF5)])
def test_kilobytes_that_state_gigabytes_are_refused(kind: str, name: str, keep: Keep) -> None:
    workspace = keep(models.dense(), kind)
    with h5py.File(workspace.source / name, "a") as file:
        file.create_dataset("zeros", (2**30,), "float32", chunks=(2**20,), compression="gzip")
    assert (workspace.source / name).stat().st_size < 2**20
    refused(workspace, told="more than the 2 GiB", reason=Reason.CONVERSION_FAILED)


@pytest.mark.parametrize(("kind", "name"), [("keras", WEIGHTS), ("h5", HDF5)])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_half_a_file_is_told(part: float, kind: str, name: str, keep: Keep) -> None:
    workspace = keep(models.dense(), kind)
    path = workspace.source / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refused(workspace, told="damaged or cut off", reason=Reason.MODEL_INVALID)


def test_weights_of_another_model_are_told(keep: Keep) -> None:
    config = (keep(models.dense(), "keras").source / CONFIG).read_text()
    workspace = keep(models.convolutions(), "keras")
    (workspace.source / CONFIG).write_text(config)
    refused(workspace, told="Keras cannot load the model", reason=Reason.MODEL_INVALID)


def test_weights_alone_are_no_model(keep: Keep) -> None:
    workspace = keep(models.dense(), "h5")
    path = workspace.source / "only.weights.h5"
    models.dense().save_weights(path)
    path.rename(workspace.source / HDF5)
    refused(workspace, told="holds weights alone", reason=Reason.MODEL_INVALID)


def of_text() -> Any:
    given = keras.Input((1,), dtype="string", name="text")
    return keras.Model(given, layers.Identity()(given))


def sparse() -> Any:
    given = keras.Input((4,), sparse=True, name="x")
    return keras.Model(given, layers.Dense(2)(given))


def without_inputs() -> Any:
    return keras.Sequential([layers.Dense(2)])


@pytest.mark.parametrize(
    ("build", "told"),
    [(of_text, "is of type"), (sparse, "sparse or ragged"), (without_inputs, "no inputs yet")],
)
def test_what_no_onnx_file_takes_is_told(build: Callable[[], Any], told: str, keep: Keep) -> None:
    refused(keep(build(), "keras"), told=told, reason=Reason.CONVERSION_FAILED)


def test_layers_that_onnx_has_nothing_for_are_named(keep: Keep) -> None:
    given = keras.Input((8,), name="x")
    model = keras.Model(given, keras.ops.erfinv(given))
    refused(keep(model, "keras"), told="Erfinv", reason=Reason.CONVERSION_FAILED)


def test_a_model_too_large_for_onnx_is_told(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelservice_runtime.conversion.loaded._LIMIT_WEIGHTS", 700)
    refused(keep(models.dense(), "keras"), told="holds 2 GiB", reason=Reason.CONVERSION_FAILED)


def test_the_program_names_the_model(
    keep: Keep, make_environ: Callable[[], dict[str, str]]
) -> None:
    workspace = keep(of_text(), "keras")
    with pytest.raises(Failure) as caught:
        program.program(make_environ(), workspace=workspace, port=0)
    assert caught.value.model == "digits"


def test_the_program_tells_the_report_and_does_nothing_twice(
    keep: Keep, make_environ: Callable[[], dict[str, str]]
) -> None:
    workspace = keep(models.dense(), "keras")
    told = program.program(make_environ(), workspace=workspace, port=0)
    assert told == {"run": "6f2c0d", **workspace.read_report().values}
    workspace.done({"run": "6f2c0d"})
    workspace.fresh(workspace.source)
    assert program.program(make_environ(), workspace=workspace, port=0) == {"run": "6f2c0d"}
