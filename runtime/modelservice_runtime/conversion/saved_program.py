"""The program of a SavedModel: of one signature, and of operators that only calculate.

What TensorFlow is given is not the SavedModel that came, but another one that is written here: the
functions that the signature calls, the variables and constants that they use, and nothing else (no
initializers, assets, tables, savers, gradients).
"""

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from modelservice_runtime.conversion.loaded import cannot
from modelservice_runtime.conversion.operators import SAFE
from modelservice_runtime.conversion.workspace import SAVED_MODEL
from modelservice_runtime.failure import Failure, Reason

DEFAULT_SIGNATURE = "serving_default"

_SIGNATURES = "signatures"
_GENERIC, _MAP = "_generic_user_object", "signature_map"
# What a function of a graph is differentiated by, found in a registry by its name.
_GRADIENT = "_gradient_op_type"
_FUNCTION_NAMES = ("forward_function_name", "backward_function_name", "api_implements")
# Functions that XLA is to compile: what calls them, and they themselves.
_COMPILED = "_XlaMustCompile"
# What a node was and what it is: the ways through objects to variables.
_WAYS = (("user_object", "user_object"), ("variable", "variable"))


def parsed(path: Path) -> Any:
    """The graph of the `saved_model.pb` at `path`. Raises `ModelInvalid`."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except DecodeError:
        raise _invalid(f"Its {SAVED_MODEL} is damaged or cut off. Upload it again.") from None
    if len(saved.meta_graphs) != 1:
        raise cannot(
            f"it has {len(saved.meta_graphs)} graphs, where one is converted. Save the one to "
            "serve with tf.saved_model.save"
        )
    graph = saved.meta_graphs[0]
    if not graph.HasField("object_graph_def"):
        raise cannot(
            "it was saved as TensorFlow 1 did. Load it with TensorFlow 2 "
            "(tf.saved_model.load), and save it again with tf.saved_model.save"
        )
    return graph


def cut(graph: Any) -> Any:
    """A SavedModel of one signature of it, in which every operator only calculates.

    Raises `Failure`: `UnsafeContent`, `ModelInvalid`, `ConversionFailed`.
    """
    objects = graph.object_graph_def
    name, node, holder = _signature(objects)
    function = objects.nodes[node].bare_concrete_function.concrete_function_name
    if function not in objects.concrete_functions:
        raise _invalid(f"Its signature {name} names no function.")
    captured = set(objects.concrete_functions[function].bound_inputs)
    if not captured <= set(range(len(objects.nodes))):
        raise _invalid("Its signature uses an object that is not there.")
    library = {one.signature.name: one for one in graph.graph_def.library.function}
    program = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    target = program.meta_graphs.add()
    target.meta_info_def.tags.extend(graph.meta_info_def.tags)
    target.graph_def.versions.CopyFrom(graph.graph_def.versions)
    for one in _judged(function, library=library):
        target.graph_def.library.function.add().CopyFrom(one)
    constants = _objects(objects, captured=captured, signature=node, target=target)
    _edges(objects, holder=holder, name=name, signature=node, target=target.object_graph_def)
    for one in graph.graph_def.node:
        if one.name in constants and one.op == "Const":
            target.graph_def.node.add().CopyFrom(one)
    kept = target.object_graph_def.concrete_functions[function]
    kept.CopyFrom(objects.concrete_functions[function])
    _require_tensors(kept.canonicalized_input_signature, role="input")
    _require_tensors(kept.output_signature, role="output")
    return program


def uncompiled(program: Any) -> bool:
    """Let nothing of a program be compiled by XLA; whether anything was."""
    library = program.meta_graphs[0].graph_def.library
    found = False
    for function in library.function:
        for one in (function, *function.node_def):
            found = one.attr.pop(_COMPILED, None) is not None or found
    return found


def _signature(objects: Any) -> tuple[str, int, int]:
    """The name of the signature to convert, its node, and the node that holds all of them."""
    holder = _children(objects, 0).get(_SIGNATURES) if objects.nodes else None
    found = (
        {}
        if holder is None
        else {
            name: node
            for name, node in _children(objects, holder).items()
            if objects.nodes[node].WhichOneof("kind") == "bare_concrete_function"
        }
    )
    if holder is None or not found:
        raise cannot(
            "it has no signature. Save it with tf.saved_model.save(model, path, signatures=…) or "
            "with model.export"
        )
    name = DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in found else next(iter(found))
    if name != DEFAULT_SIGNATURE and len(found) > 1:
        told = ", ".join(sorted(found))
        raise cannot(
            f"it has the signatures {told[:200]}, and none is called {DEFAULT_SIGNATURE}. Save it "
            "with the one to serve under that name"
        )
    return name, found[name], holder


def _children(objects: Any, node: int) -> dict[str, int]:
    size = len(objects.nodes)
    return {
        one.local_name: one.node_id
        for one in objects.nodes[node].children
        if 0 <= one.node_id < size
    }


def _judged(name: str, *, library: Mapping[str, Any]) -> Iterator[Any]:
    """The function and all that it calls, without gradients. Raises `UnsafeContent`."""
    seen, left = {name}, deque([name])
    while left:
        current = left.popleft()
        if current not in library:
            raise _invalid(f"It calls the function {_shown(current)}, which is not there.")
        if op_def_registry.get(current) is not None:
            raise _unsafe(f"a function with the name of the operator {_shown(current)}")
        function = type(library[current])()
        function.CopyFrom(library[current])
        for attribute in _FUNCTION_NAMES:
            function.attr.pop(attribute, None)
        for node in function.node_def:
            if node.op not in library and node.op not in SAFE:
                raise _unsafe(f"the operator {_shown(node.op)}")
            node.attr.pop(_GRADIENT, None)
            called = {*_called(node), *({node.op} & library.keys())}
            left.extend(sorted(called - seen))
            seen |= called
        yield function


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        yield from _named(value)


def _named(value: Any) -> Iterator[str]:
    """The functions that an attribute names, those that it passes on to them included."""
    for one in (*((value.func,) if value.HasField("func") else ()), *value.list.func):
        yield one.name
        for passed in one.attr.values():
            yield from _named(passed)


def _objects(objects: Any, *, captured: set[int], signature: int, target: Any) -> set[str]:
    """Write the variables, the constants and the signature; else empty objects in their places.

    Returns the names of the nodes that hold the constants' values.
    """
    constants: set[str] = set()
    for index, node in enumerate(objects.nodes):
        copy = target.object_graph_def.nodes.add()
        kind = node.WhichOneof("kind")
        if kind == "variable" and index in captured:
            copy.variable.CopyFrom(node.variable)
        elif kind == "constant" and index in captured:
            copy.constant.CopyFrom(node.constant)
            constants.add(node.constant.operation)
        elif index == signature:
            copy.bare_concrete_function.CopyFrom(node.bare_concrete_function)
        elif index in captured:
            raise cannot(
                "it uses a table, a file of words or another resource than variables. Do that "
                "part before the model"
            )
        else:
            copy.user_object.identifier = _GENERIC
            copy.user_object.version.producer = 1
            copy.user_object.version.min_consumer = 1
    return constants


def _edges(objects: Any, *, holder: int, name: str, signature: int, target: Any) -> None:
    """Keep the ways to the variables: their values are found by them in the checkpoint."""
    target.nodes[holder].user_object.identifier = _MAP
    for index in range(len(objects.nodes)):
        if target.nodes[index].WhichOneof("kind") != "user_object":
            continue
        if index == holder:
            target.nodes[index].children.add(local_name=name, node_id=signature)
            continue
        for local_name, child in _children(objects, index).items():
            kinds = tuple(graph.nodes[child].WhichOneof("kind") for graph in (objects, target))
            # NB: an attribute of Python's own would not name a child, but change the object.
            if kinds in _WAYS and not local_name.startswith("__"):
                target.nodes[index].children.add(local_name=local_name, node_id=child)


def _require_tensors(value: Any, *, role: str) -> None:
    kind = value.WhichOneof("kind")
    if kind == "type_spec_value":
        raise cannot(f"one {role} is ragged, sparse or of another kind than a plain tensor")
    for one in (*value.list_value.values, *value.tuple_value.values):
        _require_tensors(one, role=role)
    for one in value.dict_value.fields.values():
        _require_tensors(one, role=role)
    for pair in value.named_tuple_value.values:
        _require_tensors(pair.value, role=role)


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else f"{name[:80]}…").strip("'")


def _invalid(problem: str) -> Failure:
    return Failure(reason=Reason.MODEL_INVALID, message=f"The SavedModel is not whole. {problem}")


def _unsafe(what: str) -> Failure:
    return Failure(
        reason=Reason.UNSAFE_CONTENT,
        message=f"The SavedModel uses {what}, which is none of those that only calculate: it could "
        "read or write files, or run code. Export the model to ONNX by yourself.",
    )
