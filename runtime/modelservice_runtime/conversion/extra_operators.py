"""Operators of TensorFlow that tf2onnx does not know and that Keras's layers need.

Each becomes what it is by its definition, in ONNX's own operators. In float32 these lose digits of
values near zero; the comparison that follows tells where that matters.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """1 - erf(x): the GELU of TensorFlow is written with it."""
    _combined(graph, node, inner="Erf", outer="Sub", one_first=True)


def _expm1(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """exp(x) - 1"""
    _combined(graph, node, inner="Exp", outer="Sub", one_first=False)


def _log1p(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """log(x + 1)"""
    dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
    given, outputs = node.input[0], node.output
    graph.remove_node(node.name)
    plus = graph.make_node("Add", [given, _one(graph, dtype=dtype)])
    graph.make_node("Log", [plus.output[0]], outputs=outputs, dtypes=[dtype], shapes=[shape])


def _combined(graph: Any, node: Any, *, inner: str, outer: str, one_first: bool) -> None:
    dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
    given, outputs = node.input[0], node.output
    graph.remove_node(node.name)
    value = graph.make_node(inner, [given]).output[0]
    one = _one(graph, dtype=dtype)
    operands = [one, value] if one_first else [value, one]
    graph.make_node(outer, operands, outputs=outputs, dtypes=[dtype], shapes=[shape])


def _one(graph: Any, *, dtype: int) -> str:
    from tf2onnx import utils  # noqa: PLC0415  # only where a handler runs

    name = utils.make_name("one")
    value = np.array(1, dtype=utils.map_onnx_to_numpy_type(dtype))
    return str(graph.make_const(name, value).output[0])


HANDLERS: Final[Mapping[str, tuple[Any, list[Any]]]] = {
    "Erfc": (_erfc, []),
    "Expm1": (_expm1, []),
    "Log1p": (_log1p, []),
}
"""As tf2onnx takes them: operator → what replaces it, and more arguments for that."""
