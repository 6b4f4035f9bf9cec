"""From a loaded model to one ONNX file, by tf2onnx: the one place that knows it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper

from modelservice_runtime.artifacts.onnx_model import LIMIT_BYTES
from modelservice_runtime.conversion.extra_operators import HANDLERS
from modelservice_runtime.conversion.loaded import Loaded, cannot
from modelservice_runtime.conversion.told import told
from modelservice_runtime.failure import Reason

OPSET = 18

_ADVICE = "Export the model to ONNX by yourself, or build it of other layers."


def export(loaded: Loaded, *, target: Path) -> None:
    """Write the model with its own names, weights inside. Raises `ConversionFailed`."""
    loaded.require_convertible()
    specs = [tf.TensorSpec(one.shape, one.dtype, name=one.name) for one in loaded.inputs]
    with told(
        Reason.CONVERSION_FAILED, what="The model cannot be converted to ONNX", advice=_ADVICE
    ):
        model, _ = tf2onnx.convert.from_function(
            loaded.function,
            input_signature=specs,
            opset=OPSET,
            custom_op_handlers=dict(HANDLERS),
        )
    _hold_constants(model, captures=loaded.function.get_concrete_function().graph.captures)
    _require_known(model)
    _require_inputs(model, loaded=loaded)
    if model.ByteSize() > LIMIT_BYTES:
        raise cannot("it would take more than the 2 GiB that an ONNX file holds at most")
    target.write_bytes(model.SerializeToString())


def _hold_constants(model: Any, *, captures: Iterable[tuple[Any, Any]]) -> None:
    """Tensors that the function captured become weights: tf2onnx takes them for inputs."""
    inputs = {one.name: one for one in model.graph.input}
    for outer, inner in captures:
        if inner.name in inputs:
            model.graph.initializer.append(numpy_helper.from_array(outer.numpy(), inner.name))
            model.graph.input.remove(inputs[inner.name])


def _require_known(model: Any) -> None:
    """tf2onnx leaves operators that it does not know as they are."""
    unknown = sorted({node.op_type for node in _nodes(model.graph) if not _known(node)})
    if unknown:
        raise cannot(
            f"ONNX has nothing for TensorFlow's {', '.join(unknown)[:200]}. Build it of other "
            "layers, or export it by yourself"
        )


def _known(node: Any) -> bool:
    return node.domain in ("", "ai.onnx") and bool(
        onnx.defs.has(node.op_type, max_inclusive_version=OPSET)
    )


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _require_inputs(model: Any, *, loaded: Loaded) -> None:
    wanted = {one.name for one in loaded.inputs}
    lost = sorted(wanted ^ {one.name for one in model.graph.input})
    if lost:
        raise cannot(
            f"its input {lost[0]} reaches no output, or has a name that tf2onnx changes. Save the "
            "model without it, or under another name"
        )
