"""What a model file is, by its bytes: names lie, and the answer should name what came.

What is served, or converted first, is told by its word in the API; everything else that people
bring is recognised too, so that the refusal says what the file is instead of "parse error". Nothing
here unpacks or executes anything.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.formats import pickles, python_model, recipe_weights, tensorrt

ONNX = "ONNX"
TORCHSCRIPT = "TorchScript"
TORCH_EXPORT = "TorchExport"
SAFETENSORS = "SafeTensors"
TENSORRT = "TensorRT"
PYTHON = "Python"
KERAS = "Keras"
SAVED_MODEL = "SavedModel"

CONVERTED = (KERAS, SAVED_MODEL)
"""What is served only after it was converted to ONNX."""


@dataclass(frozen=True)
class Content:
    """`format` is the API's word, None for what no model can be; `noun` is for sentences."""

    format: str | None
    noun: str


ZIP_ARCHIVE = Content(None, "a zip archive")
"""Of no model format: a folder that somebody packed, perhaps."""

_UNKNOWN = Content(ONNX, "an ONNX model, or nothing that is known")
"""ONNX has no magic bytes: its reader finds out."""

_PICKLE = "a pickle (joblib, or an old torch.save), which is code and is never loaded"
_HEAD_BYTES = 65_536

# (offset, bytes, what)
_MAGIC = (
    (0, b"\x89HDF\r\n\x1a\n", Content(KERAS, "a Keras HDF5 file (.h5)")),
    (0, b"ftrt", Content(TENSORRT, tensorrt.NOUN)),
    (4, b"TFL3", Content(None, "a TensorFlow Lite model")),
    (0, b"GGUF", Content(None, "a GGUF file")),
    (0, b"\x93NUMPY", Content(None, "a NumPy array")),
    (0, b"\x1f\x8b", Content(None, "a gzip archive")),
    (0, b"\x28\xb5\x2f\xfd", Content(None, "a zstd archive")),
    (257, b"ustar", Content(None, "a tar archive")),
    (
        0,
        b"<",
        Content(None, "an HTML or XML page, perhaps an error message that was saved as a model"),
    ),
    (
        0,
        b"version https://git-lfs",
        Content(None, "a Git LFS pointer, not the file that it points to"),
    ),
    # A length below 2⁴⁸, and the header that it is of.
    (6, b"\0\0{", Content(SAFETENSORS, recipe_weights.NOUN)),
    # A SavedModel's first fields are its schema version 1 and a graph; ONNX begins with 3 or more.
    (0, b"\x08\x01\x12", Content(SAVED_MODEL, "a TensorFlow SavedModel")),
    *((0, bytes((0x80, protocol)), Content(None, _PICKLE)) for protocol in range(2, 6)),
)
_ZIP = b"PK\x03\x04"

# (a member's path behind the archive's own folder, what); the first that is there decides.
_MEMBERS = (
    ("constants.pkl", Content(TORCHSCRIPT, "a TorchScript archive")),
    (
        "data.pkl",
        Content(None, "a PyTorch checkpoint (torch.save), which is a pickle and never loaded"),
    ),
    ("archive_format", Content(TORCH_EXPORT, "a PyTorch exported program (.pt2)")),
    (
        "serialized_exported_program.json",
        Content(TORCH_EXPORT, "a PyTorch exported program (.pt2)"),
    ),
    ("model.weights.h5", Content(KERAS, "a Keras archive (.keras)")),
)


def look(path: Path) -> Content:
    """What the file is."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return Content(None, "an empty file")
    if head.startswith(_ZIP):
        return _zip(path)
    for offset, magic, content in _MAGIC:
        if head.startswith(magic, offset):
            return content
    if python_model.looks_like(head):
        return Content(PYTHON, python_model.NOUN)
    return Content(None, _PICKLE) if pickles.looks_like(head) else _UNKNOWN


def _zip(path: Path) -> Content:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, IndexError):
        return Content(None, "a damaged zip archive")
    known = {*members, *(member.partition("/")[2] for member in members)}
    for member, content in _MEMBERS:
        if member in known:
            return content
    arrays = any(member.endswith(".npy") for member in members)
    return Content(None, "a NumPy archive (.npz)") if arrays else ZIP_ARCHIVE
