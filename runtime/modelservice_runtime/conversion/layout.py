"""Which files of what was brought are the model, laid where the converter looks for them.

    .keras      → metadata.json, config.json, model.weights.h5    unpacked: here is no TensorFlow
    .h5         → model.h5
    SavedModel  → saved_model.pb, variables/…

Nothing else is taken along: TensorFlow loads what it finds beside a model.
"""

from pathlib import Path

from modelservice_runtime.artifacts.sealing.members import shown
from modelservice_runtime.artifacts.sealing.opening import Opened
from modelservice_runtime.artifacts.sealing.statement import ONE_FILE
from modelservice_runtime.conversion.keras_config import LIMIT_BYTES as CONFIG_LIMIT
from modelservice_runtime.conversion.workspace import (
    CONFIG,
    HDF5,
    METADATA,
    SAVED_MODEL,
    VARIABLES,
    WEIGHTS,
)
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import archive, content

_METADATA_LIMIT = 2**16
_HDF5_MAGIC = b"\x89HDF"


def take(opened: Opened, *, stated: str | None, into: Path, room: int) -> str:
    """Move the model into the empty folder `into`; its format.

    stated: the format that the spec states. room: bytes that may be written beside what is there.
    Raises `Failure`: `FormatMismatch`, `FormatUnsupported`, and what a damaged archive is told as.
    """
    if SAVED_MODEL in opened.files:
        _require_stated(content.SAVED_MODEL, stated=stated, noun="a TensorFlow SavedModel")
        _saved_model(opened, into=into)
        return content.SAVED_MODEL
    path = _only_file(opened)
    found = content.look(path)
    if found.format != content.KERAS:
        raise _not_converted(found, stated=stated)
    _require_stated(content.KERAS, stated=stated, noun=found.noun)
    if _is_hdf5(path):
        path.rename(into / HDF5)
    else:
        _unpack(path, into=into, room=room)
    return content.KERAS


def _only_file(opened: Opened) -> Path:
    if len(opened.files) > 1:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The archive has {len(opened.files)} files and no {SAVED_MODEL} in its "
            "folder. Pack the folder of one SavedModel, or one Keras file.",
        )
    (name,) = opened.files
    path = opened.path(name)
    if name == ONE_FILE and content.look(path).format == content.SAVED_MODEL:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The file is the {SAVED_MODEL} of a SavedModel, without its weights. Pack "
            f"the folder that holds it and {VARIABLES}/ as .zip or .tar.",
        )
    return path


def _saved_model(opened: Opened, *, into: Path) -> None:
    for name in opened.files:
        if name == SAVED_MODEL or name.startswith(f"{VARIABLES}/"):
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            opened.path(name).rename(target)


def _unpack(path: Path, *, into: Path, room: int) -> None:
    with archive.opened(path) as members:
        for name in members.names:
            if name not in (METADATA, CONFIG, WEIGHTS):
                raise Failure(
                    reason=Reason.UNSAFE_CONTENT,
                    message=f"The Keras archive has the member {shown(name)}; what is converted "
                    f"has {METADATA}, {CONFIG} and {WEIGHTS} alone. Models with files of their "
                    "own (vocabularies) have to be exported to ONNX by yourself.",
                )
        if members.size(CONFIG) + members.size(WEIGHTS) > room:
            raise Failure(
                reason=Reason.STORAGE_FULL,
                message=f"Unpacked, the model ({members.size(WEIGHTS) / 2**20:.0f} MiB) does not "
                "fit on the volume beside its archive. Raise spec.serving.modelStorage.size.",
            )
        (into / METADATA).write_bytes(members.read(METADATA, limit=_METADATA_LIMIT))
        (into / CONFIG).write_bytes(members.read(CONFIG, limit=CONFIG_LIMIT))
        members.copy(WEIGHTS, target=into / WEIGHTS)


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC


def _require_stated(found: str, *, stated: str | None, noun: str) -> None:
    if stated not in (None, found):
        raise Failure(
            reason=Reason.FORMAT_MISMATCH,
            message=f"The spec states the format {stated}, but the model is {noun}. Correct "
            "source.format, or point the URI at the right file.",
        )


def _not_converted(found: content.Content, *, stated: str | None) -> Failure:
    if stated is not None:
        return Failure(
            reason=Reason.FORMAT_MISMATCH,
            message=f"The spec states the format {stated}, but the file is {found.noun}. Correct "
            "source.format, or leave it out, or point the URI at the right file.",
        )
    return Failure(
        reason=Reason.FORMAT_UNSUPPORTED,
        message=f"The URI names a Keras file, but the file is {found.noun}. Give it another "
        "ending, or point the URI at the right file.",
    )
