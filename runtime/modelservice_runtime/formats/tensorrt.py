"""TensorRT plans: recognised, and run by Triton's own backend on a GPU.

A plan can be read by TensorRT alone, on the kind of GPU and with the version that it was built for,
so its tensors are stated in the spec; Triton compares them when it loads the plan. Triton does not
let a plan run code of its own on the host unless it is started with version-compatible plans
allowed, which it is not.
"""

from pathlib import Path

from modelservice_runtime.formats.archive import invalid
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature

NOUN = "a TensorRT plan"

_LEAST_BYTES = 1024


def read(path: Path, statement: Statement) -> Signature:
    """The stated tensors. Raises `Failure`: `TensorsUnknown`, `ModelInvalid`."""
    if path.stat().st_size < _LEAST_BYTES:
        raise invalid("The TensorRT plan is cut off: it has no more than a header.")
    return statement.tensors("A TensorRT plan")
