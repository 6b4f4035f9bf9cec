"""Which format a file has: picked by its content, held against what the spec states, and read."""

from pathlib import Path

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import (
    content,
    python_model,
    recipe_weights,
    tensorrt,
    torch_export,
    torchscript,
)
from modelservice_runtime.formats.format import Format, Statement
from modelservice_runtime.tensors import Signature

ONNX = Format(
    name=content.ONNX,
    noun="an ONNX model",
    artifact="model.onnx",
    file="model.onnx",
    read=lambda path, statement: onnx_model.read(path),
    backend="onnxruntime",
    executor=True,
    threads="intra_op_thread_count",
)
TORCHSCRIPT = Format(
    name=content.TORCHSCRIPT,
    noun=torchscript.NOUN,
    artifact="model.pt",
    file="model.pt",
    read=torchscript.read,
    backend="pytorch",
    executor=True,
    threads="INTRA_OP_THREAD_COUNT",
)
TORCH_EXPORT = Format(
    name=content.TORCH_EXPORT,
    noun=torch_export.NOUN,
    artifact="model.pt2",
    file="model.pt2",
    read=torch_export.read,
    backend=None,
    executor=True,
)
SAFETENSORS = Format(
    name=content.SAFETENSORS,
    noun=recipe_weights.NOUN,
    artifact=recipe_weights.ARTIFACT,
    file=recipe_weights.FILE,
    read=recipe_weights.read,
    backend=ONNX.backend,
    executor=ONNX.executor,
    threads=ONNX.threads,
)
TENSORRT = Format(
    name=content.TENSORRT,
    noun=tensorrt.NOUN,
    artifact="model.plan",
    file="model.plan",
    read=tensorrt.read,
    backend="tensorrt",
    needs_gpu=True,
)
PYTHON = Format(
    name=content.PYTHON,
    noun=python_model.NOUN,
    artifact="model.py",
    file="model.py",
    read=python_model.read,
    backend="python",
    is_code=True,
)

FORMATS = {
    one.name: one for one in (ONNX, TORCHSCRIPT, TORCH_EXPORT, SAFETENSORS, TENSORRT, PYTHON)
}


def pick(path: Path, *, stated: str | None, recipe: str | None, code: bool = False) -> Format:
    """The format of the file; `code` says whether the platform allows code of the user's own.

    Raises `Failure`: `FormatUnsupported` for what is not served, `FormatMismatch` where the spec
    states another format.
    """
    found = content.look(path)
    if recipe is not None and found.format != content.SAFETENSORS:
        raise Failure(
            reason=Reason.FORMAT_MISMATCH,
            message=f"source.recipe is for weights (SafeTensors), but the file is {found.noun}. "
            "Leave it out, or point the URI at the weights.",
        )
    if stated is not None and stated != found.format:
        raise Failure(
            reason=Reason.FORMAT_MISMATCH,
            message=f"The spec states the format {stated}, but the file is {found.noun}. Correct "
            "source.format, or leave it out, or point the URI at the right file.",
        )
    if found.format in content.CONVERTED:
        raise _unconverted(found, stated=stated)
    chosen = FORMATS.get(found.format or "")
    if chosen is None:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {found.noun}; what is served is {', '.join(FORMATS)}. Export it "
            "to ONNX, which every framework can, and point the URI at the .onnx file.",
        )
    if chosen.is_code and not code:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {chosen.noun}, which this platform does not allow "
            "(security.allowPythonModels). Export the model to ONNX.",
        )
    return chosen


def _unconverted(found: content.Content, *, stated: str | None) -> Failure:
    advice = f"State source.format: {found.format}."
    if stated is not None:
        # Nobody asks for this where conversions are made: the platform makes none.
        advice = "This platform does not convert models. Export the model to ONNX."
    return Failure(
        reason=Reason.FORMAT_UNSUPPORTED,
        message=f"The model is {found.noun}, which is converted to ONNX before it is served. "
        f"{advice}",
    )


def kept(folder: Path) -> Path | None:
    """The artifact that an earlier start of this container left in the version's folder."""
    # What is converted first: the file made of it has another format's name.
    formats = sorted(FORMATS.values(), key=lambda one: one.artifact == one.file)
    return next((path for one in formats if (path := folder / one.artifact).exists()), None)


def accept(
    path: Path, *, stated: str | None, statement: Statement, code: bool
) -> tuple[Format, Path, Signature]:
    """Pick the format, give the file its name beside the version, and read its tensors.

    Raises `Failure` as `pick` and the format's reader do.
    """
    chosen = pick(path, stated=stated, recipe=statement.recipe, code=code)
    artifact = path.with_name(chosen.artifact)
    path.rename(artifact)
    return chosen, artifact, chosen.read(artifact, statement)
