"""fetch and check from end to end: a document and an S3 server in, a model repository out."""

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
import pytest

from e2e.site import File, Site
from modelservice_runtime.artifacts import check, fetch
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.transfer import Transfer
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.places import Places
from modelservice_runtime.progress import Progress, ProgressServer
from modelservice_runtime.triton import executor_path
from tests.runtime.examples import document, linear, model_entry
from tests.runtime.formats.models import FILES, weights
from tests.runtime.s3 import LOOPBACK, S3

IMPATIENT = {"MODELSERVICE_PATIENCE": "0"}


class Pod:
    """The mounts of a pod, with a document of one or more models."""

    def __init__(self, root: Path, s3: S3) -> None:
        self.s3 = s3
        self.places = Places(
            document=root / "models.json",
            models=root / "models",
            key=root / "run" / "key",
            claims=root / "claims",
        )
        self.places.models.mkdir()
        self.places.key.parent.mkdir()

    def wants(self, *models: dict[str, Any], **fields: Any) -> None:
        secret = str(self.s3.secret())
        wanted = document(*({**one, "credentials": secret} for one in models), **fields)
        self.places.document.write_text(json.dumps(wanted))

    def fetch(self, **environ: str) -> Any:
        return fetch.program({**IMPATIENT, **environ}, places=self.places, policy=policy, port=0)

    def check(self, **environ: str) -> Any:
        return check.program({**IMPATIENT, **environ}, places=self.places, policy=policy, port=0)


def policy(networks: Iterable[str]) -> Network:
    return LOOPBACK


@pytest.fixture
def pod(tmp_path: Path, s3: S3) -> Pod:
    return Pod(tmp_path, s3)


def uploaded(s3: S3, key: str, model: onnx.ModelProto | None = None) -> str:
    return s3.put(key, (model or linear()).SerializeToString())


def test_fetch_writes_what_triton_loads(pod: Pod, s3: S3) -> None:
    pod.wants(model_entry(name="digits", version=3, uri=uploaded(s3, "d.onnx"), maxBatchSize=8))
    result = pod.fetch(MODELSERVICE_TRITON_CPUS="4")
    assert result["models"] == [
        {
            "name": "digits",
            "version": 3,
            "digest": result["models"][0]["digest"],
            "size": len(linear().SerializeToString()),
            "format": "ONNX",
            "inputs": [{"name": "x", "dataType": "FP32", "shape": [-1, 10]}],
            "outputs": [{"name": "y", "dataType": "FP32", "shape": [-1, 1]}],
        }
    ]
    assert set(result["timings"]) == {"fetch", "verify", "configure"}
    model = pod.places.models / "digits"
    assert (model / "3" / "model.onnx").read_bytes() == linear().SerializeToString()
    assert (model / "3" / "model.py").read_text() == executor_path().read_text()
    config = (model / "config.pbtxt").read_text()
    assert "max_batch_size: 8" in config
    assert 'string_value: "4"' in config


def test_a_model_of_a_web_server_is_served_as_any_other(pod: Pod, page: Site) -> None:
    uri = page.put("/m.onnx", File(linear().SerializeToString()))
    wanted = document(model_entry(uri=uri, credentials=""))
    pod.places.document.write_text(json.dumps(wanted))
    digest = pod.check()["models"][0]["digest"]
    wanted = document(model_entry(uri=uri, credentials="", digest=digest))
    pod.places.document.write_text(json.dumps(wanted))
    pod.fetch()
    path = pod.places.models / "digits" / "1" / "model.onnx"
    assert path.read_bytes() == linear().SerializeToString()


def test_a_model_of_a_claim_is_copied(pod: Pod) -> None:
    claim = pod.places.claims / "models"
    claim.mkdir(parents=True)
    (claim / "m.onnx").write_bytes(linear().SerializeToString())
    wanted = document(model_entry(uri="pvc://models/m.onnx", credentials=""))
    pod.places.document.write_text(json.dumps(wanted))
    digest = pod.check()["models"][0]["digest"]
    wanted = document(model_entry(uri="pvc://models/m.onnx", credentials="", digest=digest))
    pod.places.document.write_text(json.dumps(wanted))
    pod.fetch()
    path = pod.places.models / "digits" / "1" / "model.onnx"
    assert path.read_bytes() == linear().SerializeToString()


def test_a_triton_with_onnxruntime_gets_no_executor(pod: Pod, s3: S3) -> None:
    triton = {"backends": ["onnxruntime", "python"], "gpu": False}
    pod.wants(model_entry(uri=uploaded(s3, "d.onnx")), triton=triton)
    pod.fetch()
    model = pod.places.models / "digits"
    assert 'backend: "onnxruntime"' in (model / "config.pbtxt").read_text()
    assert [path.name for path in (model / "1").iterdir()] == ["model.onnx"]


STEPS = [
    {"model": "digits", "inputs": {"x": "raw"}, "outputs": {"y": "mid"}},
    {"model": "narrow", "inputs": {"x": "mid"}, "outputs": {"y": "out"}},
]
WHOLE = {"name": "whole", "version": 1, "maxBatchSize": 4, "ensemble": {"steps": STEPS}}


def narrow() -> onnx.ModelProto:
    """As `linear`, with an input that is as wide as linear's output."""
    model = linear()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    return model


def test_an_ensemble_is_a_configuration_and_an_empty_version(pod: Pod, s3: S3) -> None:
    pod.wants(
        WHOLE,
        model_entry(name="narrow", uri=uploaded(s3, "n.onnx", narrow()), maxBatchSize=8),
        model_entry(name="digits", uri=uploaded(s3, "d.onnx"), maxBatchSize=8),
    )
    result = pod.fetch()
    assert result["models"][-1] == {
        "name": "whole",
        "version": 1,
        "format": "Ensemble",
        "inputs": [{"name": "raw", "dataType": "FP32", "shape": [-1, 10]}],
        "outputs": [{"name": "out", "dataType": "FP32", "shape": [-1, 1]}],
    }
    whole = pod.places.models / "whole"
    assert 'platform: "ensemble"' in (whole / "config.pbtxt").read_text()
    assert list((whole / "1").iterdir()) == []
    assert pod.fetch()["models"] == result["models"]


def test_models_that_do_not_fit_each_other_are_told_by_the_check(pod: Pod, s3: S3) -> None:
    uri = uploaded(s3, "d.onnx")
    pod.wants(model_entry(name="digits", uri=uri), model_entry(name="narrow", uri=uri), WHOLE)
    with pytest.raises(Failure, match="mid has two shapes") as caught:
        pod.check()
    assert (caught.value.reason, caught.value.model) == (Reason.TENSOR_MISMATCH, "whole")


H, SUM = (
    {"name": f"OUTPUT__{at}", "dataType": "FP32", "shape": [-1, n]} for at, n in ((0, 3), (1, 1))
)
X, Y = ({"name": name, "dataType": "FP32", "shape": [-1, n]} for name, n in (("x", 4), ("y", 3)))


def put(s3: S3, name: str) -> str:
    return s3.put(f"files/{name}", (FILES / name).read_bytes())


@pytest.mark.parametrize(
    ("name", "file", "format_", "stated"),
    [
        ("scripted-2.6.pt", "model.pt", "TorchScript", {"inputs": [X, Y], "outputs": [H, SUM]}),
        ("program-2.15.pt2", "model.pt2", "TorchExport", {"format": "TorchExport"}),
    ],
)
def test_other_formats_are_laid_beside_the_executor(
    name: str, file: str, format_: str, stated: dict[str, Any], pod: Pod, s3: S3
) -> None:
    pod.wants(model_entry(uri=put(s3, name), **stated))
    told = pod.fetch()["models"][0]
    assert (told["format"], told["inputs"]) == (format_, [X, Y])
    assert len(told["outputs"]) == 2
    version = pod.places.models / "digits" / "1"
    assert sorted(path.name for path in version.iterdir()) == ["instances", file, "model.py"]
    assert (version / file).read_bytes() == (FILES / name).read_bytes()
    config = (version.parent / "config.pbtxt").read_text()
    assert 'backend: "python"' in config
    # A second start finds the file by its name, and brings nothing again.
    pod.wants(model_entry(uri="s3://models/gone", digest=told["digest"], **stated))
    assert pod.fetch()["models"][0] == told


def test_weights_of_a_recipe_are_served_as_onnx(pod: Pod, s3: S3) -> None:
    content = weights("cnn")
    stated = {"recipe": "cnn", "format": "SafeTensors"}
    pod.wants(model_entry(uri=s3.put("w.safetensors", content), maxBatchSize=8, **stated))
    told = pod.fetch()["models"][0]
    assert (told["format"], told["size"]) == ("SafeTensors", len(content))
    assert told["inputs"] == [{"name": "image", "dataType": "FP32", "shape": [-1, 1, 28, 28]}]
    version = pod.places.models / "digits" / "1"
    assert sorted(path.name for path in version.iterdir()) == [
        *("instances", "model.onnx", "model.py", "model.safetensors"),
    ]
    pod.wants(model_entry(uri="s3://models/gone", digest=told["digest"], maxBatchSize=8, **stated))
    assert pod.fetch()["models"][0] == told


CODE = b"class TritonPythonModel:\n    def execute(self, requests):\n        return []\n"


def test_a_python_model_is_served_where_the_platform_allows_it(pod: Pod, s3: S3) -> None:
    entry = model_entry(uri=s3.put("model.py", CODE), inputs=[X], outputs=[H])
    pod.wants(entry)
    with pytest.raises(Failure, match="does not allow"):
        pod.fetch()
    pod.wants(entry, security={"allowPythonModels": True})
    assert pod.fetch()["models"][0]["format"] == "Python"
    version = pod.places.models / "digits" / "1"
    assert [path.name for path in version.iterdir()] == ["model.py"]
    assert (version / "model.py").read_bytes() == CODE
    assert 'backend: "python"' in (version.parent / "config.pbtxt").read_text()


def test_libtorch_runs_torchscript_where_triton_has_it(pod: Pod, s3: S3) -> None:
    triton = {"backends": ["onnxruntime", "pytorch", "python"], "gpu": False}
    entry = model_entry(uri=put(s3, "scripted-2.6.pt"), inputs=[X, Y], outputs=[H, SUM])
    pod.wants(entry, triton=triton)
    pod.fetch(MODELSERVICE_TRITON_CPUS="4")
    config = (pod.places.models / "digits" / "config.pbtxt").read_text()
    assert 'backend: "pytorch"' in config
    assert 'default_model_filename: "model.pt"' in config
    assert 'key: "INTRA_OP_THREAD_COUNT"' in config
    assert [path.name for path in (pod.places.models / "digits/1").iterdir()] == ["model.pt"]


def test_a_file_of_another_format_than_stated_is_told_with_its_place(pod: Pod, s3: S3) -> None:
    uri = put(s3, "checkpoint-2.6.pt")
    pod.wants(model_entry(uri=uri, format="TorchScript"))
    told = f"{uri} cannot be served: The spec states the format TorchScript, .* PyTorch checkpoint"
    with pytest.raises(Failure, match=told) as caught:
        pod.check()
    assert (caught.value.reason, caught.value.model) == (Reason.FORMAT_MISMATCH, "digits")


def test_labels_are_lines_of_a_file_that_the_configuration_names(pod: Pod, s3: S3) -> None:
    labels = {"y": ["größer als 0"]}
    pod.wants(model_entry(uri=uploaded(s3, "d.onnx"), maxBatchSize=8, labels=labels))
    pod.fetch()
    model = pod.places.models / "digits"
    (file,) = model.glob("labels-*.txt")
    assert f'label_filename: "{file.name}"' in (model / "config.pbtxt").read_text()
    assert file.read_bytes() == "größer als 0\n".encode()
    # Other ones come beside, and go with what they belong to.
    entry = model_entry(uri=uploaded(s3, "d.onnx"), maxBatchSize=8, labels={"y": ["other"]})
    pod.wants(entry)
    pod.fetch()
    assert [one.read_text() for one in model.glob("labels-*.txt")] == ["other\n"]


def test_the_key_is_long_private_and_kept(pod: Pod, s3: S3) -> None:
    pod.wants(model_entry(uri=uploaded(s3, "d.onnx")))
    pod.fetch()
    key = pod.places.key.read_text()
    assert len(key) >= 32
    assert key.replace("-", "").replace("_", "").isalnum()
    assert stat.S_IMODE(pod.places.key.stat().st_mode) == 0o440
    pod.fetch()
    assert pod.places.key.read_text() == key


def test_a_second_start_brings_nothing_again(pod: Pod, s3: S3) -> None:
    uri = uploaded(s3, "again.onnx")
    pod.wants(model_entry(uri=uri))
    digest = pod.check()["models"][0]["digest"]
    pod.wants(model_entry(uri="s3://models/gone.onnx", digest=digest))
    assert pod.fetch()["models"][0]["digest"] == digest


def test_a_damaged_file_of_a_first_start_is_brought_again(pod: Pod, s3: S3) -> None:
    uri = uploaded(s3, "d.onnx")
    pod.wants(model_entry(uri=uri))
    digest = pod.fetch()["models"][0]["digest"]
    (pod.places.models / "digits/1/model.onnx").write_bytes(b"half a mod")
    pod.wants(model_entry(uri=uri, digest=digest))
    assert pod.fetch()["models"][0]["digest"] == digest


def test_check_tells_the_same_and_leaves_no_key(pod: Pod, s3: S3) -> None:
    pod.wants(model_entry(uri=uploaded(s3, "d.onnx")), revision=None)
    assert pod.check()["models"][0]["format"] == "ONNX"
    assert not pod.places.key.exists()


WRONG = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("stated", "reason"),
    [(True, Reason.DIGEST_MISMATCH), (False, Reason.SOURCE_CHANGED)],
)
def test_other_bytes_are_not_served(stated: bool, reason: Reason, pod: Pod, s3: S3) -> None:
    pod.wants(model_entry(uri=uploaded(s3, "d.onnx"), digest=WRONG, stated=stated))
    with pytest.raises(Failure, match=WRONG) as caught:
        pod.fetch()
    assert caught.value.reason is reason
    assert caught.value.model == "digits"
    assert not (pod.places.models / "digits/1/model.onnx").exists()
    assert not pod.places.key.exists()


def test_a_mismatch_names_the_model(pod: Pod, s3: S3) -> None:
    stated = [{"name": "x", "dataType": "FP32", "shape": [-1, 11]}]
    uri = uploaded(s3, "d.onnx")
    pod.wants(model_entry(name="one", uri=uri), model_entry(name="two", uri=uri, inputs=stated))
    with pytest.raises(Failure, match="not \\[-1, 11\\]") as caught:
        pod.check()
    assert (caught.value.reason, caught.value.model) == (Reason.TENSOR_MISMATCH, "two")


def test_models_that_do_not_fit_on_the_volume_together_are_refused(pod: Pod, s3: S3) -> None:
    uri = uploaded(s3, "d.onnx")
    size = len(linear().SerializeToString())
    pod.wants(model_entry(name="one", uri=uri), model_entry(name="two", uri=uri))
    with pytest.raises(Failure, match="modelStorage") as caught:
        pod.check(MODELSERVICE_MODEL_STORAGE_BYTES=str(2 * size - 1))
    assert (caught.value.reason, caught.value.model) == (Reason.STORAGE_FULL, "two")
    pod.check(MODELSERVICE_MODEL_STORAGE_BYTES=str(2 * size))


def test_a_model_that_appears_late_is_waited_for(
    pod: Pod, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is where the user uploads the model, and where `/progress` says what is missing."""
    told: list[Progress] = []

    class Server(ProgressServer):
        def publish(self, progress: Progress) -> None:
            super().publish(progress)
            if progress.phase == "Waiting":
                told.append(progress)
                uploaded(s3, "late.onnx")

    monkeypatch.setattr(check, "ProgressServer", Server)
    monkeypatch.setattr("modelservice_runtime.failure._FIRST_WAIT_SECONDS", 0)
    pod.wants(model_entry(uri="s3://models/late.onnx"))
    assert pod.check(MODELSERVICE_PATIENCE="60")["models"][0]["name"] == "digits"
    assert [progress.reason for progress in told] == ["SourceNotFound"]


def test_progress_lines_tell_rate_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    now = iter([0.0, 1.0, 6.0, 7.0, 10.0])
    told: list[Progress] = []
    with caplog.at_level("INFO"):
        listen = Transfer("digits", tell=told.append, clock=lambda: next(now))
        for done in (10, 60, 70, 100):
            listen(done * 2**20, 100 * 2**20)
    assert caplog.messages == [
        "digits: 60.0 of 100.0 MiB, 10.0 MiB/s, 4 s left",
        "digits: 100.0 of 100.0 MiB, 10.0 MiB/s, 0 s left",
    ]
    assert [json.loads(progress.to_json()) for progress in told][1] == {
        "phase": "Loading",
        "message": "Bringing the model digits.",
        "bytes": 60 * 2**20,
        "totalBytes": 100 * 2**20,
        "bytesPerSecond": 10 * 2**20,
        "etaSeconds": 4,
    }


def test_a_check_tells_how_far_a_download_is(
    pod: Pod, page: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []

    class Server(ProgressServer):
        def publish(self, progress: Progress) -> None:
            super().publish(progress)
            told.append(progress)

    monkeypatch.setattr(check, "ProgressServer", Server)
    uri = page.put("/m.onnx", File(linear().SerializeToString()))
    wanted = document(model_entry(uri=uri, credentials=""))
    pod.places.document.write_text(json.dumps(wanted))
    pod.check()
    size = len(linear().SerializeToString())
    assert (told[-1].bytes_done, told[-1].bytes_total) == (size, size)
