"""Python models for Triton's Python backend: code of the user's own, where the platform allows it.

It is parsed and not run here: what has no `TritonPythonModel` with an `execute` would fail in the
pod. What it computes nobody can know, so its tensors are stated in the spec.
"""

import ast
from pathlib import Path

from modelservice_runtime.formats.archive import invalid
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature

NOUN = "a Python model (code for Triton's Python backend)"
CLASS = "TritonPythonModel"
LIMIT_BYTES = 2**20


def read(path: Path, statement: Statement) -> Signature:
    """The stated tensors. Raises `Failure`: `TensorsUnknown`, `ModelInvalid`."""
    if path.stat().st_size > LIMIT_BYTES:
        raise invalid(f"The Python model has more than {LIMIT_BYTES} bytes of code.")
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise invalid(f"The Python model is not Python ({str(error)[:100]}).") from None
    methods = {
        item.name
        for statement_ in tree.body
        if isinstance(statement_, ast.ClassDef) and statement_.name == CLASS
        for item in statement_.body
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if "execute" not in methods:
        raise invalid(f"The Python model has no class {CLASS} with a method execute.")
    return statement.tensors("A Python model")


def looks_like(head: bytes) -> bool:
    """Whether text defines the class that Triton looks for."""
    return b"\0" not in head and f"class {CLASS}".encode() in head
