"""From where a model was unpacked into Triton's repository: the model, and nothing else.

Triton runs what it finds beside a model (`model.py`, `libtriton_*.so`), and so does Python. So of a
folder with several files only an ONNX model and the data files that it names are taken along.

A folder of a Triton repository (`config.pbtxt` and numbered versions; or several such, of which the
one with the model's name is meant) gives its newest version, and the settings of its configuration.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.artifacts.keeping import Kept
from modelservice_runtime.artifacts.sealing.opening import Opened
from modelservice_runtime.document import Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import table
from modelservice_runtime.formats.format import Format, Statement
from modelservice_runtime.tensors import Signature
from modelservice_runtime.triton import given as triton_folder
from modelservice_runtime.triton.given import Given

# What is brought has this name until its content says what it is.
_UNNAMED = "model.download"

# What exporters call their data files, and nothing that a program would load as code.
_DATA = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_DATA_ENDINGS = ("data", ".bin", ".weights")
# The configuration that came, which is none that Triton reads.
_GIVEN = "given.pbtxt"
_VERSION = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Placed:
    """A model in the repository; `size` is what its files take, in bytes. `given` are settings
    that came with it."""

    format: Format
    path: Path
    signature: Signature
    size: int
    given: Given = field(default_factory=Given)


def place(opened: Opened, *, into: Path, model: Model, code: bool) -> Placed:
    """Move the model into the folder `into`, which is made anew.

    `code` says whether the platform allows code of the user's own. Raises `Failure`.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with _about(model):
        root = _triton_root(opened, model=model)
    if root is not None:
        return _triton_folder(opened, root=root, into=into, model=model, code=code)
    if len(opened.files) > 1:
        with _about(model):
            placed, names = _folder(opened, into=into, model=model)
        _record(opened, names=names, into=into)
        return placed
    (only,) = opened.files
    path = opened.path(only).rename(into / _UNNAMED)
    placed = _file(path, model=model, code=code)
    if opened.files[only] != opened.digest:
        _record(opened, names={placed.path.name: only}, into=into)
    return placed


def place_again(kept: Kept, *, folder: Path, model: Model, code: bool) -> Placed:
    """The same for what is there, and was found to be right."""
    given = Given()
    if _GIVEN in kept.placed:
        given = Given.parse((folder / _GIVEN).read_bytes())
    names = [name for name in kept.placed if name != _GIVEN]
    if len(names) == 1:
        placed = _file(folder / names[0], model=_stated(model, given=given), code=code)
        return replace(placed, given=given)
    sizes = {name: (folder / name).stat().st_size for name in names}
    target = folder / table.ONNX.artifact
    with _about(model):
        onnx = onnx_model.inspect(target, beside=sizes)
    return Placed(
        format=table.ONNX,
        path=target,
        signature=onnx.signature,
        size=sum(sizes.values()),
        given=given,
    )


def _triton_root(opened: Opened, *, model: Model) -> str | None:
    """Where in the archive the model's folder of a Triton repository is: a prefix of names."""
    if triton_folder.NAME in opened.files:
        return "" if _versions(opened, root="") else None
    folders = [
        name.removesuffix(triton_folder.NAME)
        for name in opened.files
        if name.endswith(f"/{triton_folder.NAME}") and name.count("/") == 1
    ]
    if not folders:
        return None
    if f"{model.name}/" not in folders:
        have = ", ".join(sorted(folder.rstrip("/") for folder in folders))
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The archive is a Triton repository with the models {have[:200]}, and none is "
            f"called {model.name}. Name the model of the spec as the one that is meant.",
        )
    return f"{model.name}/"


def _triton_folder(opened: Opened, *, root: str, into: Path, model: Model, code: bool) -> Placed:
    config = f"{root}{triton_folder.NAME}"
    with _about(model):
        with opened.path(config).open("rb") as file:
            given = Given.parse(file.read(triton_folder.LIMIT_BYTES + 1))
        version = _newest(opened, root=root)
    opened.path(config).rename(into / _GIVEN)
    stated = _stated(model, given=given)
    prefix = f"{root}{version}/"
    part = _within(opened, prefix=prefix)
    if len(part.files) > 1:
        with _about(model):
            placed, names = _folder(part, into=into, model=stated, wanted=given.file)
        names = {path: f"{prefix}{name}" for path, name in names.items()}
    else:
        (only,) = part.files
        path = part.path(only).rename(into / _UNNAMED)
        placed = _file(path, model=stated, code=code)
        names = {placed.path.name: f"{prefix}{only}"}
    _record(opened, names={**names, _GIVEN: config}, into=into)
    return replace(placed, given=given)


def _versions(opened: Opened, *, root: str) -> list[str]:
    below = (name.removeprefix(root) for name in opened.files if name.startswith(root))
    folders = {name.partition("/")[0] for name in below if "/" in name}
    return [folder for folder in folders if _VERSION.fullmatch(folder)]


def _newest(opened: Opened, *, root: str) -> str:
    """The folder with the greatest number, as Triton's own default has it."""
    numbers = _versions(opened, root=root)
    if not numbers:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"Beside {triton_folder.NAME} there is no version: a folder with a number for "
            "a name, and the model in it. Pack the whole folder of the model.",
        )
    return max(numbers, key=int)


def _within(opened: Opened, *, prefix: str) -> Opened:
    """What lies in a folder of the archive."""
    names = {name.removeprefix(prefix): name for name in opened.files if name.startswith(prefix)}
    return Opened(
        root=opened.root / prefix,
        digest=opened.digest,
        files={short: opened.files[name] for short, name in names.items()},
        sizes={short: opened.sizes[name] for short, name in names.items()},
    )


def _stated(model: Model, *, given: Given) -> Model:
    """The model with the tensors of the configuration, where the spec states none."""
    return replace(
        model,
        inputs=given.inputs if model.inputs is None else model.inputs,
        outputs=given.outputs if model.outputs is None else model.outputs,
    )


def _file(path: Path, *, model: Model, code: bool) -> Placed:
    """One file, which is in its folder already and gets its name."""
    statement = Statement(inputs=model.inputs, outputs=model.outputs, recipe=model.recipe)
    with _about(model):
        chosen, artifact, signature = table.accept(
            path, stated=model.format, statement=statement, code=code
        )
    return Placed(format=chosen, path=artifact, signature=signature, size=artifact.stat().st_size)


def _folder(
    opened: Opened, *, into: Path, model: Model, wanted: str = ""
) -> tuple[Placed, dict[str, str]]:
    """The model, and what its files were called; `wanted` is the name of one that is meant."""
    name = wanted if wanted in opened.files else _only_onnx(opened)
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
    size = sum(opened.sizes[other] for other in names.values())
    return Placed(format=chosen, path=target, signature=onnx.signature, size=size), names


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
