"""A TensorFlow SavedModel: one of its signatures is cut out, judged, and loaded by TensorFlow.

Names of inputs and outputs are the signature's.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from modelservice_runtime.conversion.loaded import Arrays, Input, Loaded, cannot
from modelservice_runtime.conversion.saved_program import cut, parsed, uncompiled
from modelservice_runtime.conversion.told import told
from modelservice_runtime.conversion.workspace import SAVED_MODEL, VARIABLES
from modelservice_runtime.failure import Reason

_ADVICE = "Save it anew with a current TensorFlow, or export it to ONNX by yourself."


def load(source: Path, *, prepared: Path) -> Loaded:
    """Load the SavedModel below `source`; `prepared` is an empty folder. Raises `Failure`."""
    program = cut(parsed(source / SAVED_MODEL))
    variables = source / VARIABLES
    with told(Reason.MODEL_INVALID, what="TensorFlow cannot load the model", advice=_ADVICE):
        answering = _model(program, folder=prepared / "answering", variables=variables)
        converted = answering
        # TensorFlow runs grouped convolutions on CPUs only where XLA compiles them, in functions
        # that tf2onnx does not look into. ONNX has them.
        if uncompiled(program):
            converted = _model(program, folder=prepared / "converted", variables=variables)
        return _loaded(answering=answering, converted=converted)


def _model(program: Any, *, folder: Path, variables: Path) -> Any:
    folder.mkdir()
    (folder / SAVED_MODEL).write_bytes(program.SerializeToString(deterministic=True))
    (folder / VARIABLES).symlink_to(variables.resolve())
    return tf.saved_model.load(str(folder))


def _loaded(*, answering: Any, converted: Any) -> Loaded:
    signature = _signature(answering)
    inputs = tuple(_input(name, spec) for name, spec in _specs(signature))
    outputs = sorted(signature.structured_outputs)
    if not inputs:
        raise cannot("its signature has no inputs")

    def function(signature: Any) -> Any:
        def call(*tensors: Any) -> dict[str, Any]:
            given = {one.name: tensor for one, tensor in zip(inputs, tensors, strict=True)}
            found = signature(**given)
            return {name: found[name] for name in outputs}

        specs = [tf.TensorSpec(one.shape, one.dtype, name=one.name) for one in inputs]
        return tf.function(call, input_signature=specs)

    answer = function(signature)

    def run(arrays: Arrays) -> dict[str, np.ndarray]:
        found = answer(*(tf.constant(arrays[one.name], one.dtype) for one in inputs))
        return {name: tensor.numpy() for name, tensor in found.items()}

    return Loaded(
        function=function(_signature(converted)),
        inputs=inputs,
        run=run,
        weights=sum(int(np.prod(one.shape)) * one.dtype.size for one in signature.variables),
        owner=(answering, converted),
    )


def _signature(model: Any) -> Any:
    (signature,) = model.signatures.values()
    return signature


def _specs(signature: Any) -> list[tuple[str, Any]]:
    _, named = signature.structured_input_signature
    return sorted(named.items())


def _input(name: str, spec: Any) -> Input:
    if spec.shape.rank is None:
        raise cannot(f"its input {name} does not say how many axes it has")
    return Input(name=name, dtype=np.dtype(spec.dtype.as_numpy_dtype), shape=tuple(spec.shape))
