"""acquire and publish from end to end: a request and an S3 server in, a committed run out."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from e2e.site import File, Site
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.conversion import acquire, publish
from modelservice_runtime.conversion.request import VARIABLE
from modelservice_runtime.conversion.workspace import Workspace
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.examples import OUTPUT, SEQUENTIAL, archive, document, keras
from tests.runtime.examples import linear
from tests.runtime.s3 import LOOPBACK, S3

REPORT = {"difference": "1.2e-07", "samples": 4, "versions": {"keras": "3.15.1"}, "seconds": 2.5}
SAVED_MODEL = b"\x08\x01\x12\x90\x01\x0a\x07\x12\x05serve"


def policy(networks: Iterable[str]) -> Network:
    return LOOPBACK


class Pod:
    """A pod of the run on a volume of its own."""

    def __init__(self, root: Path, s3: S3) -> None:
        root.mkdir()
        self.workspace = Workspace(root)
        self.s3 = s3
        self.environ: dict[str, str] = {"MODELSERVICE_PATIENCE": "0"}
        self.wants("s3://models/digits.keras")

    def wants(self, uri: str, **source: Any) -> None:
        secret = str(self.s3.secret())
        wanted = document(
            source={"uri": uri, "credentials": secret, **source},
            output={"uri": OUTPUT, "credentials": secret},
        )
        self.environ[VARIABLE] = json.dumps(wanted)

    def acquire(self, **environ: str) -> Any:
        return acquire.program(
            {**self.environ, **environ},
            workspace=self.workspace,
            claims=self.workspace.root / "claims",
            policy=policy,
            port=0,
        )

    def convert(self, report: Any = REPORT) -> None:
        """What the container between leaves."""
        self.workspace.fresh(self.workspace.onnx.parent)
        self.workspace.onnx.write_bytes(linear().SerializeToString())
        self.workspace.converted(report)

    def publish(self) -> Any:
        return publish.program(self.environ, workspace=self.workspace, policy=policy, port=0)

    def files(self) -> set[str]:
        source = self.workspace.source
        return {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}

    def stored(self, name: str) -> Any:
        return json.loads(self.s3.open(f"{OUTPUT}{name}").get_bytes(limit=10_000))


@pytest.fixture
def pod(tmp_path: Path, s3: S3) -> Pod:
    for name in ("run.json", "manifest.json"):  # one server for all tests
        (s3.open(f"{OUTPUT}{name}")).put_bytes(b"{}")
    return Pod(tmp_path / "work", s3)


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


UNPACKED = {"metadata.json", "config.json", "model.weights.h5"}
FOLDER = {
    "saved_model.pb": SAVED_MODEL,
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"data",
}
KEPT = set(FOLDER)
OTHERS = {"assets/words.txt": b"words", "model.py": b"import os", "keras_metadata.pb": b"m"}


def below(folder: str, members: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in members.items()}


FOUND = {
    "a Keras archive": (keras(), "Keras", UNPACKED),
    "an HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(64), "Keras", {"model.h5"}),
    "a Keras archive in a tar": (tar({"m.keras": keras()}), "Keras",
                                 UNPACKED),
    "a SavedModel in a zip": (archive(FOLDER), "SavedModel", KEPT),
    "a SavedModel in a tar": (tar(below("digits/1", FOLDER)), "SavedModel", KEPT),
    "a SavedModel with more": (archive({**FOLDER, **OTHERS}), "SavedModel", KEPT),
}  # fmt: skip


@pytest.mark.parametrize(("data", "format_", "files"), FOUND.values(), ids=FOUND.keys())
def test_the_model_and_nothing_else_is_laid_for_the_converter(
    data: bytes, format_: str, files: set[str], pod: Pod, s3: S3
) -> None:
    pod.wants(s3.put("model", data))
    told = pod.acquire()
    source = pod.workspace.read_source()
    assert (source.format, source.signer, source.pin) == (format_, None, None)
    assert pod.files() == files
    assert told == {"run": "6f2c0d", "source": {"uri": "s3://models/model", **source.document()}}
    # It is noted where the container that loads the model cannot change it.
    assert pod.stored("run.json")["source"] == told["source"]
    left = {path.name for path in pod.workspace.root.iterdir()}
    assert left == {"source", "source.json"}


def test_a_container_that_is_started_again_begins_anew(pod: Pod, s3: S3) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    assert pod.acquire() == pod.acquire()
    assert pod.files() == UNPACKED


REFUSED: dict[str, tuple[bytes, str | None, Reason, str]] = {
    "another format than stated": (
        keras(), "SavedModel", Reason.FORMAT_MISMATCH, "SavedModel, but the model is a Keras"),
    "a folder where a file is stated": (
        archive(FOLDER), "Keras", Reason.FORMAT_MISMATCH, "Keras, but the model is a Tensor"),
    "another model than stated": (
        linear().SerializeToString(), "Keras", Reason.FORMAT_MISMATCH, "but the file is an ONNX"),
    "another model than the URI says": (
        linear().SerializeToString(), None, Reason.FORMAT_UNSUPPORTED, "names a Keras file, but"),
    "the half of a SavedModel": (
        SAVED_MODEL, "SavedModel", Reason.FORMAT_UNSUPPORTED, "without its weights. Pack"),
    "a folder of other things": (
        archive({"a.txt": b"a", "b.txt": b"b"}), None, Reason.FORMAT_UNSUPPORTED, "no saved_mo"),
    "an archive with more in it": (
        keras(**{"assets/words.txt": b"words"}), None, Reason.UNSAFE_CONTENT, "assets/words.txt"),
    "an archive with code": (
        keras(**{"config.py": b"import os"}), None, Reason.UNSAFE_CONTENT, "config.py"),
    "an archive without weights": (
        archive({"config.json": b"{}", "x/model.weights.h5": b""}), None,
        Reason.UNSAFE_CONTENT, "x/m"),
    "half an archive": (keras()[:-30], None, Reason.ARCHIVE_REFUSED, "or no directory"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "stated", "reason", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_converted_is_told_with_its_place(
    data: bytes, stated: str | None, reason: Reason, told: str, pod: Pod, s3: S3
) -> None:
    uri = s3.put("refused.keras", data)
    pod.wants(uri, format=stated)
    with pytest.raises(Failure, match=told) as caught:
        pod.acquire()
    assert (caught.value.reason, caught.value.model) == (reason, "digits")
    assert uri in caught.value.message


def test_other_bytes_than_stated_are_not_converted(pod: Pod, s3: S3) -> None:
    pod.wants(s3.put("digits.keras", keras()), digest="sha256:" + "0" * 64, stated=True)
    with pytest.raises(Failure, match="states sha256:0000") as caught:
        pod.acquire()
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    assert not (pod.workspace.root / "source.json").exists()


def test_a_place_that_cannot_be_written_shows_before_the_source_is_brought(
    pod: Pod, s3: S3
) -> None:
    output = {"uri": "s3://nowhere/out/", "credentials": str(s3.secret())}
    source = {"uri": "s3://models/gone.keras", "credentials": str(s3.secret())}
    pod.environ[VARIABLE] = json.dumps(document(source=source, output=output))
    with pytest.raises(Failure, match="no bucket nowhere") as caught:
        pod.acquire()
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND


def test_what_does_not_fit_on_the_volume_unpacked_is_refused(pod: Pod, s3: S3) -> None:
    content = keras(**{"model.weights.h5": bytes(100_000)})
    pod.wants(s3.put("large.keras", content))
    with pytest.raises(Failure, match=r"beside its archive.*modelStorage\.size") as caught:
        pod.acquire(MODELSERVICE_MODEL_STORAGE_BYTES=str(len(content) + 50_000))
    assert caught.value.reason is Reason.STORAGE_FULL
    pod.acquire(MODELSERVICE_MODEL_STORAGE_BYTES=str(2 * len(content)))


def test_a_source_of_a_web_server_is_converted_as_any_other(pod: Pod, page: Site) -> None:
    pod.wants(page.put("/m.keras", File(keras())), credentials="")
    assert pod.acquire()["source"]["format"] == "Keras"


def done(pod: Pod, s3: S3, data: bytes | None = None) -> Any:
    """A run from its source to its result."""
    pod.wants(s3.put("digits.keras", keras() if data is None else data))
    pod.acquire()
    pod.convert()
    return pod.publish()


def test_the_result_is_what_the_operator_registers(pod: Pod, s3: S3) -> None:
    result = done(pod, s3)
    model = linear().SerializeToString()
    source = pod.workspace.read_source()
    assert result == {
        "run": "6f2c0d",
        "uri": f"{OUTPUT}{result['digest'][7:23]}/model.onnx",
        "digest": result["digest"],
        "size": len(model),
        "format": "ONNX",
        "inputs": [{"name": "x", "dataType": "FP32", "shape": [-1, 10]}],
        "outputs": [{"name": "y", "dataType": "FP32", "shape": [-1, 1]}],
        "source": {"uri": "s3://models/digits.keras", "digest": source.digest, "format": "Keras"},
        "difference": "1.2e-07",
        "seconds": 2.5,
    }
    assert s3.open(result["uri"]).get_bytes(limit=10_000) == model
    manifest = pod.stored("manifest.json")
    assert manifest["result"] == result
    assert manifest["acquired"] == source.document()
    assert manifest["samples"] == 4
    assert manifest["versions"] == {"keras": "3.15.1"}


def test_two_pods_that_convert_the_same_end_with_one_result(
    pod: Pod, s3: S3, tmp_path: Path
) -> None:
    """A signature is proved at another moment in each; the source is the same."""
    uri = s3.put("digits.keras", keras())
    both = (pod, Pod(tmp_path / "other", s3))
    for minute, one in enumerate(both):
        one.wants(uri)
        one.acquire()
        one.convert({**REPORT, "seconds": 1.0 + minute})
    for minute, one in enumerate(both):
        source = one.workspace.read_source().document()
        told = {**source, "signer": "somebody", "verifiedAt": f"2026-01-01T00:0{minute}:00Z"}
        intent = {**document(), "source": told}
        s3.open(f"{OUTPUT}run.json").put_bytes(json.dumps(intent).encode())
        result = one.publish()
        assert result["seconds"] == 1.0
        assert result["source"]["signer"] == "somebody"
        assert "verifiedAt" not in result["source"]


def test_a_run_that_was_committed_is_not_done_again(pod: Pod, s3: S3, tmp_path: Path) -> None:
    result = done(pod, s3)
    again = Pod(tmp_path / "again", s3)
    again.wants("s3://models/digits.keras")
    assert again.acquire() == {"run": "6f2c0d", "committed": result["uri"]}
    assert again.workspace.is_done
    assert again.publish() == result


def test_a_source_that_is_pinned_is_not_even_read_then(pod: Pod, s3: S3, tmp_path: Path) -> None:
    result = done(pod, s3)
    again = Pod(tmp_path / "again", s3)
    again.wants("s3://models/gone.keras", digest=result["source"]["digest"])
    again.acquire()
    assert again.publish() == result


def test_a_source_that_is_gone_speaks_against_nothing(pod: Pod, s3: S3, tmp_path: Path) -> None:
    result = done(pod, s3)
    again = Pod(tmp_path / "again", s3)
    again.wants("s3://models/gone.keras")
    assert again.acquire()["committed"] == result["uri"]


def test_other_bytes_at_the_same_place_are_converted_anew(pod: Pod, s3: S3, tmp_path: Path) -> None:
    first = done(pod, s3)
    again = Pod(tmp_path / "again", s3)
    second = done(again, s3, keras({**SEQUENTIAL, "build_config": {}}))
    assert first["source"]["digest"] != second["source"]["digest"]
    assert pod.stored("manifest.json")["result"] == second


def test_what_the_converter_says_of_the_source_does_not_count(pod: Pod, s3: S3) -> None:
    """It has loaded a stranger's model: who signed it is not for it to say."""
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.convert()
    source = json.loads((pod.workspace.root / "source.json").read_text())
    forged = {**source, "signer": "somebody trusted", "format": "SavedModel"}
    (pod.workspace.root / "source.json").write_text(json.dumps(forged))
    assert pod.publish()["source"] == {
        "uri": "s3://models/digits.keras",
        "digest": source["digest"],
        "format": "Keras",
    }


def test_a_result_that_the_converter_forges_is_not_reported(pod: Pod, s3: S3) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.workspace.done({"run": "6f2c0d", "uri": "s3://elsewhere/model.onnx"})
    with pytest.raises(Failure, match="is gone again") as caught:
        pod.publish()
    assert caught.value.heals


@pytest.mark.parametrize("name", ["converted/model.onnx", "converted/report.json", "converted"])
def test_a_link_to_a_secret_is_not_published(name: str, pod: Pod, s3: S3, tmp_path: Path) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.convert()
    place, elsewhere = pod.workspace.root / name, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(Failure, match="is not a file") as caught:
        pod.publish()
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_what_is_no_model_is_not_published(pod: Pod, s3: S3) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.convert()
    pod.workspace.onnx.write_bytes(b"-----BEGIN PRIVATE KEY-----")
    with pytest.raises(Failure, match="not an ONNX model") as caught:
        pod.publish()
    assert caught.value.reason is Reason.MODEL_INVALID


@pytest.mark.parametrize(
    "report",
    [
        {**REPORT, "difference": "none"},
        {**REPORT, "seconds": "2.5"},
        {**REPORT, "seconds": float("inf")},
        {**REPORT, "samples": 0},
        {**REPORT, "versions": ["keras"]},
        {},
    ],
)
def test_a_report_that_is_not_the_converters_is_refused(report: Any, pod: Pod, s3: S3) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.convert(report)
    with pytest.raises(Failure, match=r"report.json cannot be") as caught:
        pod.publish()
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_of_two_pods_with_other_bytes_one_begins_again(pod: Pod, s3: S3, tmp_path: Path) -> None:
    pod.wants(s3.put("digits.keras", keras()))
    pod.acquire()
    pod.convert()
    other = Pod(tmp_path / "other", s3)
    other.wants(s3.put("digits.keras", keras({**SEQUENTIAL, "build_config": {}})))
    other.acquire()
    with pytest.raises(Failure, match="Another pod of this run") as caught:
        pod.publish()
    assert caught.value.reason is Reason.SOURCE_CHANGED
    other.convert()
    assert other.publish()["source"]["digest"] == other.workspace.read_source().digest
