"""A folder of a Triton repository, packed: its newest version is served, with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import external_data_helper, numpy_helper
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing.archives import zip_of
from tests.runtime.artifacts.sealing.test_sealed_models import packed
from tests.runtime.artifacts.test_programs import Pod
from tests.runtime.examples import linear, model_entry
from tests.runtime.formats.models import FILES
from tests.runtime.s3 import S3

CONFIG = b'name: "theirs"\nbackend: "onnxruntime"\nmax_batch_size: 4\ndynamic_batching { }\n'
MODEL = linear().SerializeToString()
ONNX = {"triton": {"backends": ["onnxruntime", "python"], "gpu": False}}


@pytest.fixture
def pod(tmp_path: Path, s3: S3) -> Pod:
    return Pod(tmp_path, s3)


def told(pod: Pod) -> Any:
    text = (pod.places.models / "digits" / "config.pbtxt").read_text()
    return text_format.Parse(text, pb.ModelConfig())


def wants(pod: Pod, s3: S3, files: Mapping[str, bytes], **fields: Any) -> str:
    """The digest that a check finds."""
    uri = s3.put("folder.zip", zip_of(files))
    entry = model_entry(uri=uri, **fields)
    pod.wants(entry, **ONNX)
    digest: str = pod.check()["models"][0]["digest"]
    pod.wants({**entry, "digest": digest}, **ONNX)
    return digest


@pytest.mark.parametrize("pack", [packed, zip_of], ids=["tar", "zip"])
@pytest.mark.parametrize("top", ["", "digits/", "repository/digits/"])
def test_the_newest_version_is_served_with_its_settings(
    pod: Pod, s3: S3, pack: Any, top: str
) -> None:
    files = {
        f"{top}config.pbtxt": CONFIG,
        f"{top}2/model.onnx": b"an older one",
        f"{top}10/model.onnx": MODEL,
    }
    pod.wants(model_entry(uri=s3.put("folder", pack(files))), **ONNX)
    (result,) = pod.check()["models"]
    assert result["format"] == "ONNX"
    pod.fetch()
    assert (pod.places.models / "digits/1/model.onnx").read_bytes() == MODEL
    config = told(pod)
    assert (config.name, config.max_batch_size) == ("digits", 4)
    assert config.HasField("dynamic_batching")


def test_of_a_repository_the_model_of_the_name_is_served(pod: Pod, s3: S3) -> None:
    wants(
        pod,
        s3,
        {
            "other/config.pbtxt": b"max_batch_size: 1",
            "other/1/model.onnx": b"another model",
            "digits/config.pbtxt": CONFIG,
            "digits/1/model.onnx": MODEL,
        },
    )
    pod.fetch()
    assert (pod.places.models / "digits/1/model.onnx").read_bytes() == MODEL
    assert told(pod).max_batch_size == 4


def test_a_second_start_brings_it_not_again_and_keeps_the_settings(
    pod: Pod, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(pod, s3, {"config.pbtxt": CONFIG, "1/model.onnx": MODEL})
    pod.fetch()
    first = told(pod)
    s3.put("folder.zip", b"gone")  # who looks again is told of other bytes
    pod.fetch()
    assert told(pod) == first
    given = pod.places.models / "digits/1/given.pbtxt"
    given.write_bytes(b"max_batch_size: 64")
    with pytest.raises(Failure, match="other bytes"):
        pod.fetch()


def test_weights_beside_the_model_come_along(pod: Pod, s3: S3) -> None:
    model = linear()
    tensor = model.graph.initializer[0]
    raw = numpy_helper.to_array(tensor).astype(np.float32).tobytes()
    external_data_helper.set_external_data(tensor, location="weights.bin")
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    files = {
        "config.pbtxt": CONFIG + b'default_model_filename: "net.onnx"',
        "3/net.onnx": model.SerializeToString(),
        "3/weights.bin": raw,
        "3/readme.md": b"hello",
    }
    wants(pod, s3, files)
    pod.fetch()
    version = pod.places.models / "digits/1"
    assert {path.name for path in version.iterdir() if path.name[0] != "."} == {
        "model.onnx",
        "weights.bin",
        "given.pbtxt",
    }
    assert onnx.load(version / "model.onnx").graph.name == "linear"
    first = told(pod)
    pod.fetch()
    assert told(pod) == first


def test_tensors_of_the_settings_stand_in_for_stated_ones(pod: Pod, s3: S3) -> None:
    settings = """
        max_batch_size: 2
        input [
          { name: "x" data_type: TYPE_FP32 dims: [ 4 ] },
          { name: "y" data_type: TYPE_FP32 dims: [ 3 ] }
        ]
        output [
          { name: "OUTPUT__0" data_type: TYPE_FP32 dims: [ 3 ] },
          { name: "OUTPUT__1" data_type: TYPE_FP32 dims: [ 1 ] }
        ]
    """
    script = (FILES / "scripted-2.6.pt").read_bytes()
    files = {"config.pbtxt": settings.encode(), "1/model.pt": script}
    pod.wants(model_entry(uri=s3.put("folder.zip", zip_of(files))))
    (result,) = pod.check()["models"]
    assert result["format"] == "TorchScript"
    assert result["inputs"][0] == {"name": "x", "dataType": "FP32", "shape": [-1, 4]}
    pod.fetch()
    assert told(pod).max_batch_size == 2


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a/config.pbtxt": b"", "a/1/model.onnx": MODEL, "b/config.pbtxt": b""}, "none is called"),
        ({"digits/config.pbtxt": b"", "digits/x/m": MODEL, "b/c": b""}, "there is no version"),
        (
            {"config.pbtxt": b"ensemble_scheduling { }", "1/model.onnx": MODEL},
            "has ensemble_scheduling",
        ),
        ({"config.pbtxt": b"", "1/model.py": b"class TritonPythonModel:\n    pass\n"}, "Python"),
        ({"config.pbtxt": b"", "1/model.graphdef": b"\x80\x04."}, "pickle"),
    ],
    ids=["another-name", "no-version", "an-ensemble", "code", "a-pickle"],
)
def test_what_is_not_served_is_told(
    pod: Pod, s3: S3, files: Mapping[str, bytes], says: str
) -> None:
    pod.wants(model_entry(uri=s3.put("folder.zip", zip_of(files))))
    with pytest.raises(Failure) as failure:
        pod.check()
    assert failure.value.reason is Reason.FORMAT_UNSUPPORTED
    assert says in failure.value.message


def test_a_folder_of_files_with_a_configuration_is_no_repository(pod: Pod, s3: S3) -> None:
    files = {"config.pbtxt": b"max_batch_size: 4", "model.onnx": MODEL}
    pod.wants(model_entry(uri=s3.put("folder.zip", zip_of(files))), **ONNX)
    pod.fetch()
    assert told(pod).max_batch_size == 0
    assert not (pod.places.models / "digits/1/given.pbtxt").exists()
