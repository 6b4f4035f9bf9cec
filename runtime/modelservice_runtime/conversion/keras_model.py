"""A Keras model: judged, loaded by Keras, and made a function from named tensors to named tensors.

    source/config.json, source/model.weights.h5   of a .keras file
    source/model.h5                               of a .h5 file, Keras 2's too

The names of the inputs are those of the model's inputs; the outputs' are the keys where the model
returns a dictionary, else the names of the layers that they come from.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from modelservice_runtime.conversion import hdf5, keras_2, keras_config
from modelservice_runtime.conversion.loaded import Arrays, Input, Loaded, cannot, unique
from modelservice_runtime.conversion.told import told
from modelservice_runtime.conversion.workspace import CONFIG, HDF5, METADATA, WEIGHTS
from modelservice_runtime.failure import Reason
from modelservice_runtime.fields import FieldError, Fields

_ADVICE = "Save it anew with a current Keras (model.save), or export it to ONNX by yourself."


def load(source: Path, *, prepared: Path) -> Loaded:
    """Load the model below `source`; `prepared` is an empty folder. Raises `Failure`."""
    whole = source / HDF5
    # Either way Keras reads what was judged, and not the text that it was read from.
    if whole.exists():
        hdf5.require_plain(whole)
        config = keras_config.judged(hdf5.model_config(whole))
        version = hdf5.keras_version(whole)
        hdf5.replace_config(whole, json.dumps(config))
        path = whole
    else:
        hdf5.require_plain(source / WEIGHTS)
        config = keras_config.judged((source / CONFIG).read_bytes())
        version = _version(source / METADATA)
        (prepared / CONFIG).write_text(json.dumps(config))
        (prepared / WEIGHTS).symlink_to((source / WEIGHTS).resolve())
        path = prepared
    if keras_2.wrote(version):
        keras_2.require_same(config)
    with told(Reason.MODEL_INVALID, what="Keras cannot load the model", advice=_ADVICE):
        return _loaded(_keras(path))


def _version(path: Path) -> object:
    try:
        return Fields.parse(path.read_bytes()).values.get("keras_version")
    except FieldError:
        return None


def _keras(path: Path) -> Any:
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _loaded(model: Any) -> Loaded:
    inputs = _inputs(model)
    # A Sequential model takes its one input as it is.
    structure = None if isinstance(model, keras.Sequential) else model.input

    def call(*tensors: Any) -> dict[str, Any]:
        given = tensors[0]
        if isinstance(structure, dict | list | tuple):
            given = keras.tree.pack_sequence_as(structure, list(tensors))
        return _named(model(given, training=False), model=model)

    specs = [tf.TensorSpec(one.shape, one.dtype, name=one.name) for one in inputs]

    def run(arrays: Arrays) -> dict[str, np.ndarray]:
        # NB: not as a graph. Keras's layers are written for both, and differ where one has a
        # mistake (TimeDistributed over steps of any number); what a user sees first is this.
        found = call(*(tf.constant(arrays[one.name], one.dtype) for one in inputs))
        return {name: tensor.numpy() for name, tensor in found.items()}

    weights = sum(int(np.prod(one.shape)) * _itemsize(one.dtype) for one in model.weights)
    return Loaded(
        function=_inlined(call, specs=specs), inputs=inputs, run=run, weights=weights, owner=model
    )


def _inlined(call: Callable[..., Any], *, specs: list[Any]) -> Any:
    """A function of one graph, without functions in it.

    Keras compiles some layers by XLA (grouped convolutions: TensorFlow cannot run them on CPUs), in
    functions that tf2onnx does not look into. ONNX has these layers.
    """
    function = tf.function(call, input_signature=specs)
    tf.config.run_functions_eagerly(
        True
    )  # what is called while this is traced becomes a part of it
    try:
        function.get_concrete_function()
    finally:
        tf.config.run_functions_eagerly(False)
    return function


def _inputs(model: Any) -> tuple[Input, ...]:
    try:
        tensors = list(model.inputs)
    except (AttributeError, TypeError):
        raise cannot(
            "it has no inputs yet. Begin it with keras.Input(shape=…), or call it once before it "
            "is saved"
        ) from None
    for one in tensors:
        if getattr(one, "sparse", False) or getattr(one, "ragged", False):
            raise cannot(f"its input {one.name} is sparse or ragged, and must be a plain tensor")
        if any(axis is not None and axis < 0 for axis in one.shape):
            raise cannot(f"its input {one.name} has no shape")
    names = unique([str(one.name) for one in tensors])
    return tuple(
        Input(name=name, dtype=_dtype(one.dtype), shape=tuple(one.shape))
        for name, one in zip(names, tensors, strict=True)
    )


def _named(result: Any, *, model: Any) -> dict[str, Any]:
    if isinstance(result, Mapping):
        found = {str(name): tensor for name, tensor in result.items()}
    else:
        tensors = list(result) if isinstance(result, list | tuple) else [result]
        names = unique(_layers(model, count=len(tensors)))
        found = dict(zip(names, tensors, strict=True))
    for name, tensor in found.items():
        if not tf.is_tensor(tensor) or isinstance(tensor, tf.RaggedTensor | tf.SparseTensor):
            raise cannot(f"its output {name} is not a plain tensor")
    return found


def _layers(model: Any, *, count: int) -> list[str]:
    """The names of the layers that the outputs come from."""
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    if len(names) != count:
        raise cannot("its outputs are nested. Return a dictionary of tensors")
    return [str(name) for name in names]


def _dtype(name: str) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(tf.as_dtype(name).as_numpy_dtype)
    return found


def _itemsize(dtype: str) -> int:
    return int(tf.as_dtype(dtype).size)
