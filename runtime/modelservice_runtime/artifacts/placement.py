"""From where a model was unpacked into Triton's repository: the model, and nothing else.

Triton runs what it finds beside a model (`model.py`, `libtriton_*.so`), and so does Python. So of a
folder with several files only an ONNX model and the data files that it names are taken along.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.artifacts.keeping import Kept
from modelservice_runtime.artifacts.sealing.opening import Opened
from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.formats.format import Format, Statement
from modelservice_runtime.tensors import Signature

# What is brought has this name until its content says what it is.
_UNNAMED = "model.download"

# What exporters call their data files, and nothing that a program would load as code.
_DATA = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_DATA_ENDINGS = ("data", ".bin", ".weights")


@dataclass(frozen=True)
class Placed:
    """A model in the repository; `size` is what its files take, in bytes."""

    format: Format
    path: Path
    signature: Signature
    size: int


def place(opened: Opened, *, into: Path, model: Model, code: bool) -> Placed:
    """Move the model into the folder `into`, which is made anew.

    `code` says whether the platform allows code of the user's own. Raises `Failure`.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    if len(opened.files) > 1:
        with _about(model):
            return _folder(opened, into=into, model=model)
    (only,) = opened.files
    path = opened.path(only).rename(into / _UNNAMED)
    placed = _file(path, model=model, code=code)
    if opened.files[only] != opened.digest:
        _record(opened, names={placed.path.name: only}, into=into)
    return placed


def place_again(kept: Kept, *, folder: Path, model: Model, code: bool) -> Placed:
    """The same for what is there, and was found to be right."""
    if len(kept.placed) == 1:
        (name,) = kept.placed
        return _file(folder / name, model=model, code=code)
    sizes = {name: (folder / name).stat().st_size for name in kept.placed}
    target = folder / table.ONNX.artifact
    with _about(model):
        onnx = onnx_model.inspect(target, beside=sizes)
    return Placed(
        format=table.ONNX, path=target, signature=onnx.signature, size=sum(sizes.values())
    )


def _file(path: Path, *, model: Model, code: bool) -> Placed:
    """One file, which is in its folder already and gets its name."""
    statement = Statement(inputs=model.inputs, outputs=model.outputs, recipe=model.recipe)
    with _about(model):
        chosen, artifact, signature = table.accept(
            path, stated=model.format, statement=statement, code=code
        )
    return Placed(format=chosen, path=artifact, signature=signature, size=artifact.stat().st_size)


def _folder(opened: Opened, *, into: Path, model: Model) -> Placed:
    name = _only_onnx(opened)
    beside = {
        other: size
        for other, size in opened.sizes.items()
        if _DATA.fullmatch(other) and other.endswith(_DATA_ENDINGS)
    }
    source = opened.path(name)
    chosen = table.pick(source, stated=model.format, recipe=model.recipe)
    if chosen is not table.ONNX:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"{name} in the archive is {chosen.noun}. In a folder with more files only an "
            "ONNX model is served: point the URI at the file itself.",
        )
    onnx = onnx_model.inspect(source, beside=beside)
    target = source.rename(into / chosen.artifact)
    for other in sorted(onnx.data):
        placed = into / other
        placed.parent.mkdir(parents=True, exist_ok=True)
        opened.path(other).rename(placed)
    names = {target.name: name, **{other: other for other in onnx.data}}
    _record(opened, names=names, into=into)
    size = sum(opened.sizes[other] for other in names.values())
    return Placed(format=chosen, path=target, signature=onnx.signature, size=size)


def _record(opened: Opened, *, names: Mapping[str, str], into: Path) -> None:
    """Note what was placed; `names` from the paths there to the names in the artifact."""
    Kept(
        digest=f"sha256:{opened.digest}",
        files=dict(opened.files),
        placed={path: opened.files[name] for path, name in names.items()},
    ).record(into)


def _only_onnx(opened: Opened) -> str:
    found = [name for name in opened.files if name.endswith(".onnx") and "/" not in name]
    if len(found) == 1:
        return found[0]
    raise Failure(
        reason=Reason.FORMAT_UNSUPPORTED,
        message=f"The archive has {len(found)} .onnx files in its folder, where exactly one is "
        "served. Pack one model, with the data files that it names beside it.",
    )


@contextmanager
def _about(model: Model) -> Iterator[None]:
    try:
        yield
    except Failure as failure:
        message = f"{model.uri} cannot be served: {failure.message}"
        raise Failure(reason=failure.reason, message=message) from None
