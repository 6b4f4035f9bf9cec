"""Pickles inside of models: read opcode by opcode, never loaded.

A pickle is a program. It is harmless as long as the only things that it can name are torch's own
functions that make tensors again, and the classes of the archive's own code; every other name, and
every opcode that could come by a name in another way, is refused.
"""

import pickletools

from modelservice_runtime.failure import Failure, Reason

LIMIT_BYTES = 32 * 2**20
"""The most that a pickle may have: tensors' numbers lie beside it, not in it."""

_STORAGES = (
    *("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"),
    *("QInt8", "QUInt8", "QInt32"),
)
TENSORS = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch device",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_qtensor",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor_v3",
        "torch.storage UntypedStorage",
        *(f"torch {name}Storage" for name in _STORAGES),
        *(f"torch {name}" for name in ("per_tensor_affine", "per_channel_affine")),
    }
)
"""What a pickle of tensors names, as `module name`."""

SCRIPT = TENSORS | {
    f"torch.jit._pickle {name}"
    for name in (
        "build_boollist",
        "build_doublelist",
        "build_intlist",
        "build_tensor_from_id",
        "build_tensorlist",
        "restore_type_tag",
    )
}
"""What a pickle of TorchScript names beside the archive's own classes (`__torch__.…`)."""

_OWN = "__torch__"
# Classes of C++ code that torch's library registers: those of quantized layers are data.
_FOREIGN, _QUANTIZED = "__torch__.torch.classes.", "__torch__.torch.classes.quantized"

_OPCODES = frozenset((
    "PROTO", "MARK", "STOP", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT",
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1",
    "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM",
    "SETITEMS", "GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID", "GET", "BINGET", "LONG_BINGET",
    "PUT", "BINPUT", "LONG_BINPUT",
))  # fmt: skip


def require_safe(data: bytes, *, name: str, allowed: frozenset[str], own: bool = False) -> str:
    """Raise `UnsafeContent` unless the pickle names only `allowed`, and its `own` classes.

    Returns the first class of its own that it names, as `module.name`; "" where it names none.
    """
    first = ""
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name not in _OPCODES:
                raise _unsafe(name, what=f"uses {opcode.name}, which torch does not write")
            if opcode.name != "GLOBAL":
                continue
            module, _, symbol = str(argument).partition(" ")
            if own and _is_own(module):
                first = first or f"{module}.{symbol}"
            elif argument not in allowed:
                raise _unsafe(name, what=f"names {module}.{symbol}"[:200])
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        raise Failure(
            reason=Reason.MODEL_INVALID, message=f"{name} is damaged ({str(error)[:100]})."
        ) from None
    return first


def looks_like(head: bytes) -> bool:
    """Whether bytes begin a pickle that names something; protocols 0 and 1 have no magic."""
    try:
        for opcode, argument, _ in pickletools.genops(head):
            if opcode.name in ("GLOBAL", "INST"):
                return str(argument).replace(" ", "").replace(".", "").replace("_", "").isalnum()
            if opcode.name not in _OPCODES:
                return False
    except (ValueError, IndexError, OverflowError, MemoryError):
        return False
    return False


def _is_own(module: str) -> bool:
    if module != _OWN and not module.startswith(f"{_OWN}."):
        return False
    return not module.startswith(_FOREIGN) or module == _QUANTIZED


def _unsafe(name: str, *, what: str) -> Failure:
    return Failure(
        reason=Reason.UNSAFE_CONTENT,
        message=f"{name} is a pickle that {what}: it could run any code, and is never loaded. Save "
        "tensors only, or export the model to ONNX.",
    )
