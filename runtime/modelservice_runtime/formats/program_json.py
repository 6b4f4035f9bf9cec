"""The JSON of an exported program (`torch.export`): nothing in it may become code.

torch's reader looks names up with getattr from `torch` and `operator`, parses shapes with sympy's
eval, and writes Python source with the names in it that it then runs. So each text of the document
is held against what torch itself writes in its place: operators by an allow-list, expressions and
guards by their words, names as identifiers. What no rule fits is refused.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats.archive import invalid

LIMIT_BYTES = 16 * 2**20

_NAME = re.compile(r"\w*", re.ASCII)
# Versions, fully qualified names ("layers.0", "block@1"), devices, verifiers.
_TEXT = re.compile(r"[\w.@+:<= -]{0,300}", re.ASCII)
_LIMIT_EXPRESSION = 4000

_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims)\.(?P<name>\w+)(\.\w+)?"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|associative_scan"
    r"|wrap_with_autocast|wrap_with_set_grad_enabled)"
    r"|torch\._?sym_\w+|math\.(ceil|floor|log2|pow|sqrt|trunc)"
    r"|_operator\.(add|and_|eq|floordiv|ge|getitem|gt|le|lshift|lt|mod|mul|ne|neg|not_|or_|pos|pow"
    r"|rshift|sub|truediv|xor)",
    re.ASCII,
)
_OF_FILES = re.compile(r"file|^(save|load)$")

_SYMBOL = re.compile(r"Symbol\('[A-Za-z_]\w*'(, \w+=(True|False))*\)", re.ASCII)
_WORD = re.compile(r"[^\W\d]\w*")
_VARIABLE = re.compile(r"[a-z]{1,4}\d+")
_FUNCTIONS = frozenset((
    "Abs", "Add", "And", "BitwiseFn_bitwise_and", "BitwiseFn_bitwise_or", "BitwiseFn_bitwise_xor",
    "CeilDiv", "CeilToInt", "CleanDiv", "Eq", "Equality", "Float", "FloatPow", "FloatTrueDiv",
    "FloorDiv", "FloorToInt", "Ge", "GreaterThan", "Gt", "Identity", "IntTrueDiv", "Integer",
    "IsNonOverlappingAndDenseIndicator", "LShift", "Le", "LessThan", "Lt", "Max", "Min", "Mod",
    "ModularIndexing", "Mul", "Ne", "Not", "Or", "Pow", "PowByNatural", "PythonMod", "RShift",
    "Rational", "RoundDecimal", "RoundToInt", "StrictGreaterThan", "StrictLessThan", "ToFloat",
    "TruncToFloat", "TruncToInt", "Unequality", "Where", "ceiling", "false", "floor", "precision",
    "true",
))  # fmt: skip
_GUARD_WORDS = _FUNCTIONS | frozenset((
    "L", "and", "cast_symbool_to_symint_guardless", "dim", "math", "not", "or", "size",
    "storage_offset", "stride",
))  # fmt: skip
_PLAIN = re.compile(r"[\w\s+\-*/%(),.<>=!&|~\[\]]*", re.ASCII)
_ATTRIBUTE = re.compile(r"\.\s*(?!(?:size|stride|storage_offset|dim)\(|\d)")
# Powers by one digit alone: 9**9**9 would be computed.
_TOWER = re.compile(r"\*\*(?!\s*\d\b(?!\s*\*\*))")

_TREES = frozenset({"builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"})
_REFUSED = frozenset({"as_custom_obj", "class_fqn", "custom_obj", "custom_obj_name"})
_EMPTY = frozenset({"custom_obj_values", "treespec_namedtuple_fields"})

Json = Any


def load(data: bytes) -> dict[str, Json]:
    """The document, checked. Raises `Failure`: `UnsafeContent` or `ModelInvalid`."""
    try:
        document = json.loads(data)
        if not isinstance(document, dict):
            raise invalid("The exported program is not a JSON object.")
        _check(document, key="")
    except (ValueError, TypeError, RecursionError):
        raise invalid("The exported program is damaged: its JSON cannot be read.") from None
    return document


def _check(value: Json, *, key: str) -> None:
    if isinstance(value, dict):
        _check_object(value, key=key)
    elif isinstance(value, list):
        for item in value:
            _check(item, key=key)
    elif isinstance(value, str) and not _RULES.get(key, _is_text)(value):
        raise _unsafe(key, value)


def _check_object(value: Mapping[str, Json], *, key: str) -> None:
    if key == "metadata":
        return  # where a node came from, in words; torch runs nothing of it
    if key in _EMPTY and value:
        raise _unsafe(key, ", ".join(value))
    if key in ("device", "as_device") and value.get("type") != "cpu":
        raise invalid(
            f"The program was exported for the device {str(value.get('type'))[:40]!r}. Export it "
            "on the CPU: torch.export.export(model.cpu(), …)."
        )
    for name, item in value.items():
        if name in _REFUSED or not _is_text(name):
            raise _unsafe(key or "the program", name)
        _check(item, key=name)


def _is_text(text: str) -> bool:
    return _TEXT.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and not text[:1].isdigit()


def _is_operator(text: str) -> bool:
    found = _OPERATOR.fullmatch(text)
    return found is not None and _OF_FILES.search(found["name"] or "") is None


def _is_expression(text: str) -> bool:
    return _is_plain(_SYMBOL.sub("s0", text), words=_FUNCTIONS)


def _is_guard(text: str) -> bool:
    return _is_plain(re.sub(r"\['\w+'\]", "", text), words=_GUARD_WORDS)


def _is_plain(text: str, *, words: frozenset[str]) -> bool:
    return (
        len(text) <= _LIMIT_EXPRESSION
        and _PLAIN.fullmatch(text) is not None
        and _ATTRIBUTE.search(text) is None
        and _TOWER.search(text) is None
        and all(word in words or _VARIABLE.fullmatch(word) for word in _WORD.findall(text))
    )


def _is_tree(text: str) -> bool:
    """Inputs or outputs as nested tuples, lists and dicts; no other type is ever imported."""
    tree = json.loads(text)
    return isinstance(tree, list) and len(tree) == 2 and tree[0] == 1 and _is_node(tree[1])


def _is_node(node: Json) -> bool:
    if not isinstance(node, dict) or set(node) != {"type", "context", "children_spec"}:
        return False
    if node["type"] is None:
        return node["context"] is None and node["children_spec"] == []
    context = json.loads(node["context"]) if isinstance(node["context"], str) else node["context"]
    keys = context if isinstance(context, list) else []
    return (
        node["type"] in _TREES
        and (context is None or isinstance(context, list))
        and all(isinstance(name, str) and _is_name(name) for name in keys)
        and all(_is_node(child) for child in node["children_spec"])
    )


def _anything(text: str) -> bool:
    return True


_RULES: Mapping[str, Callable[[str], bool]] = {
    "name": _is_name,
    "forward_arg_names": _is_name,
    "target": _is_operator,
    "as_operator": _is_operator,
    "expr_str": _is_expression,
    "guards_code": _is_guard,
    "in_spec": _is_tree,
    "out_spec": _is_tree,
    # Arguments of operators; torch writes them into its source as literals.
    "as_string": _anything,
    "as_strings": _anything,
}


def _unsafe(key: str, text: str) -> Failure:
    return Failure(
        reason=Reason.UNSAFE_CONTENT,
        message=f"The exported program has {text[:100]!r} as its {key}, which is not among what "
        "can be served safely (torch's own operators on tensors). Export the model to ONNX.",
    )
