"""What TensorFlow, Keras and tf2onnx raise, told in one sentence.

They raise nearly anything where a model is damaged or uses what they do not know, and their texts
are pages long; the first line says what it is about.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from modelservice_runtime.failure import Failure, Reason

ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError),
    *(TypeError, ValueError, tf.errors.OpError),
)
_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[^\x20-\x7e]")
_LONGEST = 240


@contextmanager
def told(reason: Reason, *, what: str, advice: str) -> Iterator[None]:
    """Turn an error into a `Failure`: `what` could not be done, and the first line says why."""
    try:
        yield
    except ERRORS as error:
        raise Failure(reason=reason, message=f"{what}: {first_line(error)}. {advice}") from error


def first_line(error: BaseException) -> str:
    """What the error says first, printable and short."""
    lines = (_CONTROL.sub("", line).strip() for line in str(error).splitlines())
    line = next((line for line in lines if line), type(error).__name__).rstrip(".:")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
