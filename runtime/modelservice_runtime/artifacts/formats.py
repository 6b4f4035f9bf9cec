"""What a model file is, by its first bytes: names lie, and the answer should name what came.

Only ONNX is served in this release. Everything else that people bring is recognised, so that the
refusal says what the file is instead of "parse error". Nothing here unpacks or executes anything.
"""

import zipfile
from pathlib import Path

from modelservice_runtime.failure import Failure, Reason

_PICKLE = "pickle (joblib, or an old torch.save), which is code and is never loaded"

# (offset, bytes, name)
_MAGIC = (
    (0, b"\x89HDF\r\n\x1a\n", "a Keras HDF5 file (.h5)"),
    (0, b"ftrt", "a TensorRT engine"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"<", "an HTML or XML page, perhaps an error message that was saved as a model"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file that it points to"),
    (8, b'{"', "a safetensors file, which holds weights without their architecture"),
    # A SavedModel's first fields are its schema version 1 and a graph; ONNX begins with 3 or more.
    (0, b"\x08\x01\x12", "a TensorFlow SavedModel"),
    *((0, bytes((0x80, protocol)), f"a {_PICKLE}") for protocol in range(2, 6)),
)
_ZIP = b"PK\x03\x04"

# (a member's path behind the archive's own folder, name); the first that is there decides.
_MEMBERS = (
    ("constants.pkl", "a TorchScript archive"),
    ("data.pkl", "a PyTorch checkpoint (torch.save), which is a pickle and never loaded"),
    ("archive_format", "a PyTorch exported program (.pt2)"),
    ("model.weights.h5", "a Keras archive (.keras)"),
)


def require_onnx(path: Path) -> None:
    """Raise `FormatUnsupported` with the file's real format, unless it can be ONNX."""
    found = recognise(path)
    if found is not None:
        raise Failure(
            reason=Reason.FORMAT_UNSUPPORTED,
            message=f"The model is {found}; this release serves ONNX. Export it to ONNX and point "
            "the URI at the .onnx file.",
        )


def recognise(path: Path) -> str | None:
    """What the file is, as "a …"; None for what may be ONNX (which has no magic bytes)."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "an empty file"
    if head.startswith(_ZIP):
        return _zip(path)
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    return None


def _zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except zipfile.BadZipFile:
        return "a damaged zip archive"
    known = {*members, *(member.partition("/")[2] for member in members)}
    for member, name in _MEMBERS:
        if member in known:
            return name
    arrays = any(member.endswith(".npy") for member in members)
    return "a NumPy archive (.npz)" if arrays else "a zip archive"
