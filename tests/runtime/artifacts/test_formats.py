"""What is not ONNX is named by its content, whatever it is called."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from modelservice_runtime.artifacts.formats import recognise, require_onnx
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.examples import linear


def archive(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member in members:
            file.writestr(member, b"x")
    return buffer.getvalue()


SAFETENSORS = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'

FILES = {
    "empty": (b"", "an empty file"),
    "torchscript": (archive("m/data.pkl", "m/code/a.py", "m/constants.pkl"), "TorchScript archive"),
    "checkpoint": (archive("m/data.pkl", "m/data/0"), "PyTorch checkpoint"),
    "exported program": (archive("m/archive_format", "m/models/model.json"), "exported program"),
    "keras": (archive("metadata.json", "config.json", "model.weights.h5"), "Keras archive"),
    "npz": (archive("x.npy"), "NumPy archive"),
    "zip": (archive("readme"), "a zip archive"),
    "damaged zip": (archive("readme")[:20], "damaged zip"),
    "pickle": (pickle.dumps({"a": 1}), "pickle"),
    "old pickle": (pickle.dumps({"a": 1}, protocol=2), "pickle"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    "tensorrt": (b"ftrt" + bytes(64), "TensorRT engine"),
    "lite": (b"\x1c\x00\x00\x00TFL3" + bytes(64), "TensorFlow Lite"),
    "saved model": (b"\x08\x01\x12\x90\x01\x0a\x07\x12\x05serve", "SavedModel"),
    "safetensors": (len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS, "safetensors"),
    "gguf": (b"GGUF\x03" + bytes(64), "GGUF"),
    "gzip": (b"\x1f\x8b\x08" + bytes(64), "gzip"),
    "page": (b"<!DOCTYPE html><html>", "HTML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
}


@pytest.mark.parametrize(("content", "name"), FILES.values(), ids=FILES.keys())
def test_what_it_is_stands_in_the_refusal(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(Failure, match=f"{name}.*; this release serves ONNX") as caught:
        require_onnx(path)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


def test_onnx_passes(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(linear().SerializeToString())
    assert recognise(path) is None
