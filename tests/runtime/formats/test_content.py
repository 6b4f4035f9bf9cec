"""A file is what its content says, whatever it is called and whatever is stated."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats.table import pick
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
    "checkpoint": (archive("m/data.pkl", "m/data/0"), "PyTorch checkpoint"),
    "npz": (archive("x.npy"), "NumPy archive"),
    "zip": (archive("readme"), "a zip archive"),
    "damaged zip": (archive("readme")[:20], "damaged zip"),
    "pickle": (pickle.dumps({"a": 1}), "pickle"),
    "old pickle": (pickle.dumps({"a": 1}, protocol=2), "pickle"),
    "pickle without magic": (pickle.dumps(print, protocol=0), "pickle"),
    "tar": (bytes(257) + b"ustar\x0000" + bytes(300), "tar archive"),
    "lite": (b"\x1c\x00\x00\x00TFL3" + bytes(64), "TensorFlow Lite"),
    "gguf": (b"GGUF\x03" + bytes(64), "GGUF"),
    "gzip": (b"\x1f\x8b\x08" + bytes(64), "gzip"),
    "page": (b"<!DOCTYPE html><html>", "HTML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
}


@pytest.mark.parametrize(("content", "name"), FILES.values(), ids=FILES.keys())
def test_what_is_not_served_is_named_in_the_refusal(
    content: bytes, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(Failure, match=f"{name}.*; what is served is ONNX, ") as caught:
        pick(path, stated=None, recipe=None)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


CONVERTED = {
    "keras": (archive("metadata.json", "config.json", "model.weights.h5"), "Keras"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "Keras"),
    "saved model": (b"\x08\x01\x12\x90\x01\x0a\x07\x12\x05serve", "SavedModel"),
}


@pytest.mark.parametrize(("content", "format_"), CONVERTED.values(), ids=CONVERTED.keys())
def test_what_is_converted_first_is_told_how(content: bytes, format_: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    for stated, advice in (
        (None, f"State source.format: {format_}"),
        (format_, "does not convert"),
    ):
        with pytest.raises(Failure, match=f"converted to ONNX before .*{advice}") as caught:
            pick(path, stated=stated, recipe=None)
        assert caught.value.reason is Reason.FORMAT_UNSUPPORTED
    with pytest.raises(Failure, match=r"states the format ONNX, but the file is a") as caught:
        pick(path, stated="ONNX", recipe=None)
    assert caught.value.reason is Reason.FORMAT_MISMATCH


SERVED = {
    "ONNX": linear().SerializeToString(),
    "TorchScript": archive("m/data.pkl", "m/code/a.py", "m/constants.pkl"),
    "TorchExport": archive("m/archive_format", "m/models/model.json"),
    "SafeTensors": len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS,
    "TensorRT": b"ftrt" + bytes(64),
    "Python": b"import numpy\n\n\nclass TritonPythonModel:\n    pass\n",
}


@pytest.mark.parametrize("found", SERVED)
@pytest.mark.parametrize("stated", [None, *SERVED])
def test_the_content_decides_and_a_false_statement_is_refused(
    stated: str | None, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(SERVED[found])
    if stated in (None, found):
        assert pick(path, stated=stated, recipe=None, code=True).name == found
        return
    with pytest.raises(Failure, match=f"states the format {stated}, but the file is an? ") as e:
        pick(path, stated=stated, recipe=None, code=True)
    assert e.value.reason is Reason.FORMAT_MISMATCH


def test_a_program_of_older_torch_is_one_too(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(archive("serialized_exported_program.json", "version"))
    assert pick(path, stated=None, recipe=None).name == "TorchExport"


def test_a_pickle_is_told_whatever_format_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(print, protocol=0))
    with pytest.raises(Failure, match=r"a pickle .*never loaded") as caught:
        pick(path, stated="TorchScript", recipe=None)
    assert caught.value.reason is Reason.FORMAT_MISMATCH


@pytest.mark.parametrize("stated", [None, "Python"])
def test_code_of_the_users_own_needs_the_platforms_permission(
    stated: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(SERVED["Python"])
    with pytest.raises(Failure, match=r"does not allow .security.allowPythonModels") as caught:
        pick(path, stated=stated, recipe=None)
    assert caught.value.reason is Reason.FORMAT_UNSUPPORTED


@pytest.mark.parametrize("found", [one for one in SERVED if one != "SafeTensors"])
def test_a_recipe_is_for_weights_alone(found: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(SERVED[found])
    with pytest.raises(Failure, match=r"recipe is for weights .*, but the file is an? ") as caught:
        pick(path, stated=None, recipe="cnn", code=True)
    assert caught.value.reason is Reason.FORMAT_MISMATCH
