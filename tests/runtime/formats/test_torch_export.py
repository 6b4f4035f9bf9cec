"""An exported program: its own tensors, and nothing in it that could become code."""

import json
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import program_json, torch_export
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature, Tensor
from tests.runtime.formats.models import FILES, PROGRAMS, X, Y, changed, member

OLD, NEW = PROGRAMS
PROGRAM = {OLD: "serialized_exported_program.json", NEW: "models/model.json"}
WEIGHTS = "data/weights/model_weights_config.json"
Edit = Callable[[dict[str, Any]], Any]


def edited(name: str, edit: Edit) -> bytes:
    """The archive with its program changed."""
    document = json.loads(member(name, PROGRAM[name]))
    edit(document)
    return changed(name, {PROGRAM[name]: json.dumps(document).encode()})


def read(path: Path, content: bytes) -> Signature:
    path.write_bytes(content)
    return torch_export.read(path, Statement())


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_tensors_are_the_programs_own(name: str) -> None:
    assert torch_export.read(FILES / name, Statement()) == Signature(
        inputs=(X, Y),
        outputs=(Tensor("add", "FP32", (-1, 3)), Tensor("sum_1", "FP32", (-1, 1))),
    )


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("id",)


def checkpoint(content: bytes) -> bytes:
    """A torch.save file with another pickle in it."""
    return changed("checkpoint-2.6.pt", {"data.pkl": content})


EVIL = pickle.dumps(Evil(), protocol=2)
UNSAFE_FILES = {
    "state": changed(OLD, {"serialized_state_dict.pt": checkpoint(EVIL)}),
    "constants": changed(OLD, {"serialized_constants.pt": checkpoint(EVIL)}),
    "example inputs": changed(OLD, {"serialized_example_inputs.pt": checkpoint(EVIL)}),
    "sample inputs": changed(NEW, {"data/sample_inputs/model.pt": checkpoint(EVIL)}),
    "legacy weights": changed(NEW, {"data/weights/model.pt": checkpoint(EVIL)}),
    "a script as weights": changed(
        OLD, {"serialized_constants.pt": changed("scripted-2.6.pt", {})}
    ),
    "a script's mark": changed(
        OLD, {"serialized_constants.pt": changed("checkpoint-2.6.pt", {"constants.pkl": b"N."})}
    ),
    "compiled code": changed(NEW, {"data/aotinductor/model/a.so": b"\x7fELF"}),
    "a pickle that is no file of torch's": changed(NEW, {"data/constants/opaque_obj_0": EVIL}),
    "another program": changed(NEW, {"models/other.json": b"{}"}),
    "a weight to unpickle": changed(
        NEW, {WEIGHTS: member(NEW, WEIGHTS).replace(b'"use_pickle": false', b'"use_pickle": true')}
    ),
    "an object to unpickle": changed(
        NEW, {WEIGHTS: member(NEW, WEIGHTS).replace(b'"weight_0"', b'"opaque_obj_0"')}
    ),
    "a payload elsewhere": changed(
        NEW, {WEIGHTS: member(NEW, WEIGHTS).replace(b'"weight_0"', b'"../extra/a"')}
    ),
}


@pytest.mark.parametrize("content", UNSAFE_FILES.values(), ids=UNSAFE_FILES.keys())
def test_no_file_of_it_is_code(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        read(tmp_path / "model.pt2", content)
    assert caught.value.reason is Reason.UNSAFE_CONTENT


@pytest.mark.parametrize("member", ["serialized_state_dict.pt", "serialized_constants.pt"])
def test_an_old_pickle_without_an_archive_is_refused(member: str, tmp_path: Path) -> None:
    """torch.load reads such a file with another unpickler."""
    for content in (EVIL, EVIL + checkpoint(b"\x80\x02}.")):
        with pytest.raises(Failure, match=r"does not end as|more in it than") as caught:
            read(tmp_path / "model.pt2", changed(OLD, {member: content}))
        assert caught.value.reason is Reason.MODEL_INVALID


def node(field: str, value: Any) -> Edit:
    return lambda document: document["graph_module"]["graph"]["nodes"][0].update({field: value})


def tensor(name: str, field: str, value: Any) -> Edit:
    values = ("graph_module", "graph", "tensor_values")
    return lambda document: _at(document, *values, name).update({field: value})


def call(field: str, value: Any) -> Edit:
    at = ("graph_module", "module_call_graph", 0, "signature")
    return lambda document: _at(document, *at).update({field: value})


def graph(field: str, value: Any) -> Edit:
    return lambda document: document["graph_module"]["graph"].update({field: value})


def _at(document: Any, *keys: str | int) -> Any:
    for key in keys:
        document = document[key]
    return document


def size(expression: str) -> Edit:
    return tensor("x", "sizes", [{"as_expr": {"expr_str": expression}}, {"as_int": 4}])


def tree(kind: str, context: Any = "null") -> str:
    leaf = {"type": None, "context": None, "children_spec": []}
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [leaf]}])


UNSAFE = {
    "a function of a module": node("target", "torch.serialization.os.system"),
    "a function of torch": node("target", "torch.hub.load"),
    "a loader": node("target", "torch.load"),
    "an operator on files": node("target", "torch.ops.aten.from_file.default"),
    "somebody's operator": node("target", "torch.ops.mine.run.default"),
    "a library": node("target", "torch.ops.load_library"),
    "a method": node("target", "_operator.methodcaller"),
    "an attribute": node("target", "_operator.attrgetter"),
    "an extension": node("target", "#a:b"),
    "any name": node("target", "os.system"),
    "two lines": node("target", "torch.ops.aten.relu.default\nimport os"),
    "an operator as argument": node(
        "inputs", [{"name": "self", "arg": {"as_operator": "torch.os.system"}}]
    ),
    "an object as argument": node(
        "inputs", [{"name": "self", "arg": {"as_custom_obj": {"name": "a", "class_fqn": "b"}}}]
    ),
    "a name with code": node("name", "a: __import__('os').system('id')"),
    "an output with code": node("outputs", [{"as_tensor": {"name": "a=1;b"}}]),
    "an argument with code": node("inputs", [{"name": "a=print(1),b", "arg": {"as_int": 1}}]),
    "a parameter with code": call("forward_arg_names", ["x=__import__('os').system('id')", "y"]),
    "a default of a parameter": call("forward_arg_names", ["x=torch.os", "y"]),
    "a word as an attribute": size("s0.floor"),
    "an expression": size("__import__('os').system('id')"),
    "an attribute in an expression": size("s0.__class__"),
    "an index in an expression": size("(s0).func"),
    "a lambda": size("(lambda: 1)()"),
    "a symbol with code": size("Symbol('a'+print(1))"),
    "a tower": size("9**9**9**9"),
    "a long expression": size("1+" * 3000 + "1"),
    "a class": call("in_spec", tree("os.system")),
    "a default": call("in_spec", tree("collections.defaultdict", '{"default_factory_name": "a"}')),
    "an enumeration": call(
        "out_spec", tree("builtins.dict", '[{"__enum__": true, "fqn": "os:system", "name": "a"}]')
    ),
    "a key with code": call("in_spec", tree("builtins.dict", '["a=print(1)"]')),
    "no tree": call("in_spec", "[2, {}]"),
    "a guard": lambda document: document.update(guards_code=["__import__('os').system('id')"]),
    "a guard's attribute": lambda document: document.update(guards_code=["L['x'].numpy()"]),
    "a guard's word as an attribute": lambda document: document.update(guards_code=["L['x'].math"]),
    "a guard's text": lambda document: document.update(guards_code=["L['x\"']"]),
    "objects": graph("custom_obj_values", {"a": {"name": "a"}}),
    "a key of values": graph("sym_int_values", {"a;b": {"as_int": 1}}),
}


@pytest.mark.parametrize("edit", UNSAFE.values(), ids=UNSAFE.keys())
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_text_of_it_becomes_code(name: str, edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="not among what can be served safely") as caught:
        read(tmp_path / "model.pt2", edited(name, edit))
    assert caught.value.reason is Reason.UNSAFE_CONTENT


SAFE = {
    "an expression": size("2*s0 + Max(1, s1//2) - Mod(Symbol('u0', integer=True), 3)"),
    "a square": size("s0**2"),
    "a branch": node("target", "torch.ops.higher_order.cond"),
    "arithmetic": node("target", "_operator.floordiv"),
    "a size": node("target", "torch.ops.aten.sym_size.int"),
    "a text": node("inputs", [{"name": "mode", "arg": {"as_string": "any 'text'; at all"}}]),
    "a guard": lambda document: document.update(
        guards_code=["L['x'].size()[0] >= 2 and not L['a'][0].size()[1] == Max(3, 4)"]
    ),
    "nested inputs": call("in_spec", tree("builtins.dict", '["x"]')),
}


@pytest.mark.parametrize("edit", SAFE.values(), ids=SAFE.keys())
def test_what_torch_writes_is_let_through(edit: Edit, tmp_path: Path) -> None:
    assert read(tmp_path / "model.pt2", edited(NEW, edit)).inputs[0].name == "x"


def test_a_size_that_is_an_expression_is_any(tmp_path: Path) -> None:
    found = read(tmp_path / "model.pt2", edited(OLD, size("2*s0")))
    assert found.inputs[0].shape == (-1, 4)


def outputs(*specs: Any) -> Edit:
    return lambda document: document["graph_module"]["signature"].update(output_specs=list(specs))


OUT = {"user_output": {"arg": {"as_tensor": {"name": "add"}}}}
INVALID = {
    "on a GPU": (tensor("x", "device", {"type": "cuda", "index": 0}), "for the device 'cuda'"),
    "complex numbers": (tensor("x", "dtype", 10), "input x has torch's scalar type 10"),
    "a number as output": (outputs({"user_output": {"arg": {"as_int": 1}}}), "is no tensor but as"),
    "no output": (outputs(), "has 0 outputs"),
    "one output twice": (outputs(OUT, OUT), "two of one name"),
    "an unknown tensor": (graph("tensor_values", {}), "not in a layout that is known"),
    "another layout": (lambda document: document.pop("graph_module"), "not in a layout"),
}


@pytest.mark.parametrize(("edit", "told"), INVALID.values(), ids=INVALID.keys())
def test_what_cannot_be_served_is_explained(edit: Edit, told: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=re.escape(told)) as caught:
        read(tmp_path / "model.pt2", edited(OLD, edit))
    assert caught.value.reason is Reason.MODEL_INVALID


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a":' * 5000, b"\xff"])
def test_damaged_json_is_told(data: bytes) -> None:
    with pytest.raises(Failure, match="JSON") as caught:
        program_json.load(data)
    assert caught.value.reason is Reason.MODEL_INVALID


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document, as its keys from the top."""
    pairs = enumerate(value) if isinstance(value, list) else getattr(value, "items", tuple)()
    for key, item in pairs:
        yield (*at, key)
        yield from places(item, (*at, key))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_document_of_another_shape_is_read_or_refused_but_never_crashes(
    data: st.DataObject, tmp_path: Path
) -> None:
    document = json.loads(member(NEW, PROGRAM[NEW]))
    *way, last = data.draw(st.sampled_from(list(places(document))))
    _at(document, *way)[last] = data.draw(ANY_JSON)
    content = changed(NEW, {PROGRAM[NEW]: json.dumps(document).encode()})
    try:
        read(tmp_path / "model.pt2", content)
        reason = Reason.MODEL_INVALID
    except Failure as failure:
        reason = failure.reason
    assert reason in (Reason.MODEL_INVALID, Reason.UNSAFE_CONTENT)


def test_a_buffer_that_the_program_updates_is_no_output(tmp_path: Path) -> None:
    buffer = {"buffer_mutation": {"arg": {"name": "relu"}, "buffer_name": "shift"}}
    found = read(tmp_path / "model.pt2", edited(NEW, outputs(buffer, OUT)))
    assert [tensor.name for tensor in found.outputs] == ["add"]
