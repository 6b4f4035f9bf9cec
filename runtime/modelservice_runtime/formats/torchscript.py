"""TorchScript archives (`torch.jit.save`): checked without torch, run by libtorch.

An archive holds pickles, which libtorch reads with an unpickler of its own, and code in a subset
of Python, which it interprets. The pickles may name tensors and the archive's own classes only; the
code may not name the operators that read or write files: the serving pod has some that are not the
model's. The code says the names of `forward`'s arguments and how many tensors it gives; shapes and
types it does not have, so the spec states them.
"""

import re
from pathlib import Path

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import archive as archives
from modelservice_runtime.formats import pickles
from modelservice_runtime.formats.archive import Archive, invalid
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature, Tensor

NOUN = "a TorchScript archive"

_LIMIT_CODE = 16 * 2**20

# aten::from_file and its like. The code may call `torch` by another name, so an attribute of such a
# name is refused wherever it stands; so is a dot before a comment or a continued line, where the
# name could stand in the next line. torch writes neither.
_FILE_OPERATORS = re.compile(r"\bfrom_file\b|\.\s*(?:(?:load|save)\b|#|\\\r?\n)")
_FORWARD = (
    r"^class {name}\(Module\):\n(?:(?!class ).*\n)*?"
    r"  def forward\(self: [\w.]+(?P<arguments>[^()]*)\) -> (?P<result>[^\n]*):\n"
)
_ARGUMENT = re.compile(r"(\w+): ([^,]+(?:\[[^\]]*\])?)")
# Triton's own names for the tensors of a TorchScript model: <name>__<index>.
_INDEXED = re.compile(r".+__(\d{1,4})", re.ASCII)


def read(path: Path, statement: Statement) -> Signature:
    """The stated tensors, once they agree with the archive's `forward`.

    Raises `Failure`: `UnsafeContent`, `ModelInvalid`, `TensorsUnknown`, `TensorMismatch`.
    """
    with archives.opened(path) as archive:
        root = archive.folder()
        own = _require_safe(archive)
        module, _, name = own.rpartition(".")
        code = f"{root}code/{module.replace('.', '/')}.py"
        if not own or code not in archive.names:
            raise invalid("The TorchScript archive has no module. Save it with torch.jit.save.")
        text = archive.read(code, limit=_LIMIT_CODE).decode(errors="replace")
    arguments, results = _forward(text, name=name)
    stated = statement.tensors("TorchScript")
    _refuse_text(stated)
    return Signature(
        inputs=_inputs(stated.inputs, arguments=arguments),
        outputs=_outputs(stated.outputs, results=results),
    )


def _require_safe(archive: Archive) -> str:
    """The class of the archive's module, as `data.pkl` names it first."""
    root, own = archive.folder(), ""
    for name in archive.names:
        inner = name.removeprefix(root)
        if name.endswith("pkl"):
            content = archive.read(name, limit=pickles.LIMIT_BYTES)
            first = pickles.require_safe(content, name=inner, allowed=pickles.SCRIPT, own=True)
            own = first if inner == "data.pkl" else own
        elif inner.startswith("code/"):
            code = archive.read(name, limit=_LIMIT_CODE).decode(errors="replace")
            found = _FILE_OPERATORS.search(code)
            if found is not None:
                raise Failure(
                    reason=Reason.UNSAFE_CONTENT,
                    message=f"The code {inner} of the model has {found[0]!r}, by which it could "
                    "read or write files of the serving pod. Take it out of the model.",
                )
    return own


def _forward(code: str, *, name: str) -> tuple[list[str], int]:
    """The names of `forward`'s arguments, and how many tensors it returns."""
    found = re.search(_FORWARD.replace("{name}", re.escape(name)), code, re.MULTILINE)
    if found is None:
        raise invalid("The TorchScript module has no forward method that can be served.")
    arguments = _ARGUMENT.findall(found["arguments"])
    others = [argument for argument, kind in arguments if kind.strip() != "Tensor"]
    if others or not arguments:
        raise invalid(
            f"forward of the TorchScript module takes {', '.join(others) or 'nothing'}, but only "
            "tensors can be sent to a model. Wrap it in a module that takes tensors."
        )
    result = found["result"]
    if result == "Tensor":
        return [argument for argument, _ in arguments], 1
    if re.fullmatch(r"Tuple\[Tensor(, Tensor)*\]", result):
        return [argument for argument, _ in arguments], result.count("Tensor")
    raise invalid(
        f"forward of the TorchScript module returns {result[:100]}, but only a tensor or a tuple "
        "of tensors can be served. Wrap it in a module that returns them."
    )


def _refuse_text(signature: Signature) -> None:
    for tensor in (*signature.inputs, *signature.outputs):
        if tensor.data_type == "BYTES":
            raise _mismatch(f"{tensor.name} is stated as BYTES, but torch has no tensors of text.")


def _inputs(stated: tuple[Tensor, ...], *, arguments: list[str]) -> tuple[Tensor, ...]:
    """In the order of `forward`: by its names, or by Triton's own, `<name>__<index>`."""
    names = [tensor.name for tensor in stated]
    if set(names) == set(arguments):
        return tuple(sorted(stated, key=lambda tensor: arguments.index(tensor.name)))
    order = _order(stated, count=len(arguments))
    if order is None:
        raise _mismatch(
            f"forward takes {', '.join(arguments)}, but the spec states the inputs "
            f"{', '.join(names)}. Name them as forward does, or INPUT__0, INPUT__1 and so on."
        )
    return order


def _outputs(stated: tuple[Tensor, ...], *, results: int) -> tuple[Tensor, ...]:
    order = _order(stated, count=results)
    if order is None:
        names = ", ".join(tensor.name for tensor in stated)
        raise _mismatch(
            f"forward gives {results} tensor{'s' if results > 1 else ''} without names, but the "
            f"spec states the outputs {names}. Name them OUTPUT__0, OUTPUT__1 and so on."
        )
    return order


def _order(stated: tuple[Tensor, ...], *, count: int) -> tuple[Tensor, ...] | None:
    """By the indices in the names; None unless these are all from 0 to `count` - 1."""
    by_index = {
        int(found[1]): tensor
        for tensor in stated
        if (found := _INDEXED.fullmatch(tensor.name)) is not None
    }
    if len(stated) != count or set(by_index) != set(range(count)):
        return None
    return tuple(by_index[index] for index in range(count))


def _mismatch(message: str) -> Failure:
    return Failure(reason=Reason.TENSOR_MISMATCH, message=message)
