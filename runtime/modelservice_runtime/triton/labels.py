"""Names of classes: a file of lines beside the model, which an output of its configuration names.

Clients that ask for an output's classification get `score:index:label` for the best ones. A file is
named by its content: other labels are another configuration, and what is loaded keeps its own.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Signature

_PREFIX = "labels-"


def files(model: Model) -> Iterator[tuple[str, str]]:
    """The label files, which belong into the model's folder: (name, text)."""
    for _, values in model.labels:
        text = "".join(f"{value}\n" for value in values)
        yield _name(text), text


def are_labels(name: str) -> bool:
    """Whether a file in a model's folder holds labels."""
    return name.startswith(_PREFIX)


def add_labels(message: Any, *, model: Model, signature: Signature, batches: bool) -> None:
    """Name the files at the outputs of `message`; `signature` is what clients see.

    Raises `Failure` with `TensorMismatch` where there is no such output, or where it has not one
    element for each label.
    """
    written = {one.name: one for one in message.output}
    outputs = {one.name: one for one in signature.outputs}
    names = [name for name, _ in files(model)]
    for name, (output, values) in zip(names, model.labels, strict=True):
        tensor = outputs.get(output)
        if tensor is None or output not in written:
            have = ", ".join(str(one) for one in signature.outputs)
            raise _mismatch(f"the model has no output {output} (it has {have})")
        if tensor.data_type == "BYTES":
            raise _mismatch(f"{tensor} is text, which has no classes")
        classes = _classes(tensor.shape[1:] if batches else tensor.shape)
        if classes is not None and classes != len(values):
            raise _mismatch(f"{tensor} has {classes} classes, and {len(values)} labels are given")
        written[output].label_filename = name


def _classes(shape: tuple[int, ...]) -> int | None:
    """How many elements a sample has; None where that varies."""
    count = 1
    for length in shape:
        if length == ANY:
            return None
        count *= length
    return count


def _name(text: str) -> str:
    # No name of the user's becomes one of a file.
    return f"{_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"


def _mismatch(what: str) -> Failure:
    return Failure(
        reason=Reason.TENSOR_MISMATCH,
        message=f"labels do not fit the model: {what}. Correct spec.models[].labels.",
    )
