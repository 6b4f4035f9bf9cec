"""Writes an ONNX file: the few messages of onnx.proto that a plain graph needs.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The agent's image
has neither torch nor the onnx package, which would add 20 MB to it for what is one page here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelservice_runtime.tensors import ANY, Tensor

_IR_VERSION = 8
_OPSET = 17
_TYPES = {"FP32": 1, "INT64": 7}  # TensorProto.DataType, by Triton's names
_STORED = {"FP32": "<f4", "INT64": "<i8"}
_INT, _INTS = 2, 7  # AttributeProto.AttributeType

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Node:
    """One operator; attributes are whole numbers or lists of them. An output that nobody wants has
    no name."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, int | Sequence[int]] = field(default_factory=dict)


def model(
    nodes: Iterable[Node], *, inputs: Tensor, outputs: Tensor, weights: Mapping[str, Array]
) -> bytes:
    """The file of a graph with one input and one output. Constants are float32 or int64."""
    graph = b"".join(
        (
            *(_bytes(1, _node(node)) for node in nodes),
            _text(2, "model"),
            *(_bytes(5, _weight(name, value)) for name, value in weights.items()),
            _bytes(11, _value(inputs)),
            _bytes(12, _value(outputs)),
        )
    )
    opset = _text(1, "") + _number(2, _OPSET)
    return b"".join(
        (
            _number(1, _IR_VERSION),
            _text(2, "modelservice"),
            _bytes(7, graph),
            _bytes(8, opset),
        )
    )


def _node(node: Node) -> bytes:
    return b"".join(
        (
            *(_text(1, name) for name in node.inputs),
            *(_text(2, name) for name in node.outputs),
            _text(4, node.operator),
            *(_bytes(5, _attribute(*pair)) for pair in node.attributes.items()),
        )
    )


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT)
    numbers = b"".join(_number(8, item) for item in value)
    return _text(1, name) + numbers + _number(20, _INTS)


def _weight(name: str, value: Array) -> bytes:
    kind = "INT64" if value.dtype.kind == "i" else "FP32"
    data = np.ascontiguousarray(value, _STORED[kind]).tobytes()
    axes = b"".join(_number(1, length) for length in value.shape)
    return axes + _number(2, _TYPES[kind]) + _text(8, name) + _bytes(9, data)


def _value(tensor: Tensor) -> bytes:
    axes = (
        _bytes(1, _text(2, _axis(tensor, index)) if length == ANY else _number(1, length))
        for index, length in enumerate(tensor.shape)
    )
    kind = _number(1, _TYPES[tensor.data_type]) + _bytes(2, b"".join(axes))
    return _text(1, tensor.name) + _bytes(2, _bytes(1, kind))


def _axis(tensor: Tensor, index: int) -> str:
    """The name of an axis of any length; axes of one name have one length."""
    return "batch" if index == 0 else f"{tensor.name}_{index}"


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """A number from 0 on, 7 bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
