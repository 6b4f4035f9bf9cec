"""fetch with sealed models, end to end: what is served is what was signed, or nothing is."""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import external_data_helper, numpy_helper

from modelservice_runtime.artifacts.sealing import tar
from modelservice_runtime.artifacts.sealing.compression import compress
from modelservice_runtime.artifacts.sealing.container import encrypt
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing import signers
from tests.runtime.artifacts.sealing.archives import padded, zip_of
from tests.runtime.artifacts.test_programs import Pod
from tests.runtime.examples import linear, model_entry
from tests.runtime.s3 import S3

MODEL = linear().SerializeToString()
KEY = EncryptionKey.new(origin="test")
SIGNER = signers.new_key()


@pytest.fixture
def pod(tmp_path: Path, s3: S3) -> Pod:
    return Pod(tmp_path, s3)


@pytest.fixture
def sealed_by(tmp_path: Path) -> dict[str, Any]:
    """The fields of a document's entry, with the Secrets that they name."""
    secret = tmp_path / "digits-key"
    secret.mkdir()
    (secret / "key").write_text(KEY.text())
    team = tmp_path / "model-signers"
    team.mkdir()
    (team / "team.pub").write_text(signers.public_pem(SIGNER))
    return {
        "encryption": {"key": str(secret / "key")},
        "trust": {"requireSignature": True, "publicKeys": str(team)},
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    return (
        b"".join(tar.header(name, size=len(data)) + padded(data) for name, data in files.items())
        + tar.end()
    )


def sealed(data: bytes, *, key: EncryptionKey = KEY) -> bytes:
    return b"".join(encrypt(compress([data]), key=key))


def with_external_data(location: str = "weights.data") -> dict[str, bytes]:
    model = linear()
    tensor = model.graph.initializer[0]
    raw = numpy_helper.to_array(tensor).astype(np.float32).tobytes()
    tensor.ClearField("float_data")
    tensor.raw_data = raw
    external_data_helper.set_external_data(tensor, location=location, offset=0, length=len(raw))
    tensor.ClearField("raw_data")
    return {"digits.onnx": model.SerializeToString(), location: raw}


def put(s3: S3, key: str, data: bytes, *, signature: bytes | None = None) -> str:
    uri = s3.put(key, data)
    if signature is not None:
        s3.put(f"{key}.sig", signature)
    return uri


def test_a_sealed_file_is_served_as_it_was_signed(
    pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    signature = signers.signature(MODEL, key=SIGNER)
    uri = put(s3, "sealed/one", sealed(MODEL), signature=signature)
    pod.wants(model_entry(uri=uri, **sealed_by))
    (told,) = pod.fetch()["models"]
    assert (pod.places.models / "digits/1/model.onnx").read_bytes() == MODEL
    assert told["signer"].startswith("team.pub sha256:")
    assert told["verifiedAt"].endswith("Z")
    assert told["size"] == len(MODEL)


def test_a_sealed_folder_brings_the_model_and_its_weights_only(
    pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    """`model.py` and `libtriton_*.so` beside a model would be run by Triton."""
    files = {
        **with_external_data(),
        "model.py": b"raise SystemExit",
        "libtriton_onnxruntime.so": b"\x7fELF",
        "other.data": b"not named by the model",
        "README.md": b"Digits.",
    }
    signature = signers.signature(files, key=SIGNER)
    uri = put(s3, "sealed/folder", sealed(packed(files)), signature=signature)
    pod.wants(
        model_entry(uri=uri, **sealed_by),
        triton={"backends": ["onnxruntime"], "gpu": False},
    )
    (told,) = pod.fetch()["models"]
    folder = pod.places.models / "digits/1"
    served = {path.name for path in folder.iterdir() if path.name[0] != "."}
    assert served == {"model.onnx", "weights.data"}
    assert told["size"] == len(files["digits.onnx"]) + len(files["weights.data"])
    loaded = onnx.load(folder / "model.onnx")
    assert numpy_helper.to_array(loaded.graph.initializer[0]).tolist() == [[1.0]] * 10
    assert {path.name for path in pod.places.models.iterdir() if path.is_dir()} == {"digits"}


@pytest.mark.parametrize("pack", [packed, zip_of], ids=["tar", "zip"])
def test_a_folder_may_come_without_a_seal(
    pack: Callable[[Mapping[str, bytes]], bytes], pod: Pod, s3: S3
) -> None:
    pod.wants(model_entry(uri=put(s3, "plain/folder", pack({"m/digits.onnx": MODEL}))))
    (told,) = pod.fetch()["models"]
    assert (pod.places.models / "digits/1/model.onnx").read_bytes() == MODEL
    assert "signer" not in told


@pytest.mark.parametrize("files", [{".": MODEL}, with_external_data()], ids=["file", "folder"])
def test_a_second_start_brings_a_sealed_model_not_again(
    files: dict[str, bytes], pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    """The agent brings all models when one changes: what Triton has loaded must stay as it is."""
    data = files.get(".") or packed(files)
    uri = put(
        s3, f"sealed/{len(files)}", sealed(data), signature=signers.signature(files, key=SIGNER)
    )
    pod.wants(model_entry(uri=uri, **sealed_by))
    first = pod.fetch()
    (told,) = first["models"]
    folder = pod.places.models / "digits/1"
    before = {path: path.stat().st_ino for path in folder.iterdir() if path.name != "model.py"}
    entry = model_entry(uri=uri, digest=told["digest"], **sealed_by)
    s3.put(f"sealed/{len(files)}", b"other bytes")
    pod.wants(entry)
    again = pod.fetch()["models"][0]
    assert {**again, "verifiedAt": told["verifiedAt"]} == told
    after = {path: path.stat().st_ino for path in folder.iterdir() if path.name != "model.py"}
    assert after == before


@pytest.mark.parametrize("name", ["model.onnx", "weights.data", ".artifact.json"])
def test_what_was_damaged_meanwhile_is_brought_again(
    name: str, pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    files = with_external_data()
    signature = signers.signature(files, key=SIGNER)
    uri = put(s3, "sealed/damaged", sealed(packed(files)), signature=signature)
    pod.wants(model_entry(uri=uri, **sealed_by))
    (told,) = pod.fetch()["models"]
    damaged = pod.places.models / "digits/1" / name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    pod.wants(model_entry(uri=uri, digest=told["digest"], **sealed_by))
    pod.fetch()
    assert damaged.read_bytes() == whole


def test_a_kept_model_is_judged_by_the_signature_of_today(
    pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    files = with_external_data()
    signature = signers.signature(files, key=SIGNER)
    uri = put(s3, "sealed/judged", sealed(packed(files)), signature=signature)
    pod.wants(model_entry(uri=uri, **sealed_by))
    (told,) = pod.fetch()["models"]
    other = signers.signature({**files, "more": b"x"}, key=SIGNER)
    s3.put("sealed/judged.sig", other)
    pod.wants(model_entry(uri=uri, digest=told["digest"], **sealed_by))
    with pytest.raises(Failure) as caught:
        pod.fetch()
    assert caught.value.reason is Reason.FILE_MISSING


def test_a_plain_file_of_a_first_start_is_verified_again(
    pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    del sealed_by["encryption"]
    signature = signers.signature(MODEL, key=SIGNER)
    uri = put(s3, "plain/one", MODEL, signature=signature)
    pod.wants(model_entry(uri=uri, **sealed_by))
    digest = pod.fetch()["models"][0]["digest"]
    pod.wants(model_entry(uri=uri, digest=digest, **sealed_by))
    assert pod.fetch()["models"][0]["signer"].startswith("team.pub")
    s3.put("plain/one.sig", signers.signature(b"another", key=SIGNER))
    with pytest.raises(Failure) as caught:
        pod.fetch()
    assert caught.value.reason is Reason.FILE_ALTERED


SIGNATURE = signers.signature(MODEL, key=SIGNER)


def other_key(secret: Path) -> None:
    (secret / "key").write_text(EncryptionKey.new(origin="x").text())


def no_key(secret: Path) -> None:
    (secret / "key").unlink()


REFUSED: dict[str, tuple[bytes, bytes | None, Callable[[Path], None] | None, Reason]] = {
    "no signature": (sealed(MODEL), None, None, Reason.SIGNATURE_MISSING),
    "signed by another": (
        sealed(MODEL),
        signers.signature(MODEL, key=signers.new_key()),
        None,
        Reason.SIGNER_UNKNOWN,
    ),
    "a signature that is none": (sealed(MODEL), b"{}", None, Reason.SIGNATURE_INVALID),
    "a signature that is endless": (
        sealed(MODEL),
        bytes(5 * 2**20),
        None,
        Reason.SIGNATURE_INVALID,
    ),
    "another model": (sealed(linear(7).SerializeToString()), SIGNATURE, None, Reason.FILE_ALTERED),
    "another key": (sealed(MODEL), SIGNATURE, other_key, Reason.DECRYPTION_FAILED),
    "no key": (sealed(MODEL), SIGNATURE, no_key, Reason.SECRET_MISSING),
    "not encrypted": (MODEL, SIGNATURE, None, Reason.DECRYPTION_FAILED),
    "a cut end": (sealed(MODEL)[:-1], SIGNATURE, None, Reason.ARTIFACT_DAMAGED),
    "what is sealed is cut": (
        b"".join(encrypt([b"".join(compress([MODEL]))[:-1]], key=KEY)),
        SIGNATURE,
        None,
        Reason.ARTIFACT_DAMAGED,
    ),
    "an archive that climbs": (
        sealed(packed({"../model.onnx": MODEL})),
        SIGNATURE,
        None,
        Reason.ARCHIVE_REFUSED,
    ),
    "two models": (
        sealed(packed({"a.onnx": MODEL, "b.onnx": MODEL})),
        signers.signature({"a.onnx": MODEL, "b.onnx": MODEL}, key=SIGNER),
        None,
        Reason.FORMAT_UNSUPPORTED,
    ),
}


@pytest.mark.parametrize(
    ("data", "signature", "change", "reason"), REFUSED.values(), ids=[*REFUSED]
)
def test_what_is_not_sealed_right_is_not_served(
    data: bytes,
    signature: bytes | None,
    change: Callable[[Path], None] | None,
    reason: Reason,
    pod: Pod,
    s3: S3,
    sealed_by: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:
    key = f"refused/{request.node.callspec.id.replace(' ', '-')}"
    uri = put(s3, key, data, signature=signature)
    secret = Path(sealed_by["encryption"]["key"]).parent
    if change is not None:
        change(secret)
    pod.wants(model_entry(uri=uri, **sealed_by))
    with pytest.raises(Failure) as caught:
        pod.fetch()
    assert (caught.value.reason, caught.value.model) == (reason, "digits")
    assert uri in caught.value.message
    assert KEY.text().strip() not in caught.value.message
    assert [path for path in pod.places.models.rglob("*") if path.is_file()] == []
    assert not pod.places.key.exists()


def test_an_encrypted_artifact_without_a_key(pod: Pod, s3: S3) -> None:
    pod.wants(model_entry(uri=put(s3, "sealed/none", sealed(MODEL))))
    with pytest.raises(Failure, match=r"source\.encryption\.secretRef") as caught:
        pod.fetch()
    assert caught.value.reason is Reason.DECRYPTION_FAILED


def test_the_platform_asks_and_the_service_does_not(pod: Pod, s3: S3) -> None:
    policy = {"requireSignature": True, "publicKeys": [signers.public_pem(SIGNER)]}
    uri = put(s3, "platform/one", MODEL)
    pod.wants(model_entry(uri=uri), trust=policy)
    with pytest.raises(Failure) as caught:
        pod.fetch()
    assert caught.value.reason is Reason.SIGNATURE_MISSING
    s3.put("platform/one.sig", SIGNATURE)
    assert pod.fetch()["models"][0]["signer"].startswith("platform sha256:")


def test_other_stored_bytes_are_another_artifact(
    pod: Pod, s3: S3, sealed_by: dict[str, Any]
) -> None:
    """Sealed again, the same model has another digest: what was pinned is what is served."""
    uri = put(s3, "sealed/again", sealed(MODEL), signature=SIGNATURE)
    pod.wants(model_entry(uri=uri, **sealed_by))
    digest = pod.check()["models"][0]["digest"]
    s3.put("sealed/again", sealed(MODEL))
    shutil.rmtree(pod.places.models / "digits")  # another pod
    pod.wants(model_entry(uri=uri, digest=digest, **sealed_by))
    with pytest.raises(Failure) as caught:
        pod.fetch()
    assert caught.value.reason is Reason.SOURCE_CHANGED


def test_a_bomb_ends_at_the_volume(pod: Pod, s3: S3, sealed_by: dict[str, Any]) -> None:
    bomb = sealed(bytes(2**24))
    uri = put(s3, "sealed/bomb", bomb, signature=SIGNATURE)
    pod.wants(model_entry(uri=uri, **sealed_by))
    with pytest.raises(Failure, match="modelStorage") as caught:
        pod.fetch(MODELSERVICE_MODEL_STORAGE_BYTES=str(2**20))
    assert caught.value.reason is Reason.ARTIFACT_TOO_LARGE


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../weights.data", "model.py", "libtriton_onnxruntime.so", "nowhere.data", ""],
)
def test_weights_outside_the_folder_are_refused(location: str, pod: Pod, s3: S3) -> None:
    files = {**with_external_data("weights.data")}
    model = onnx.load_from_string(files["digits.onnx"])
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    files |= {"digits.onnx": model.SerializeToString(), "model.py": b"x"}
    files |= {"libtriton_onnxruntime.so": b"x"}
    pod.wants(model_entry(uri=put(s3, f"external/{len(location)}", packed(files))))
    with pytest.raises(Failure, match=r"did not come|not a data file") as caught:
        pod.fetch()
    assert caught.value.reason is Reason.MODEL_INVALID


def test_weights_that_are_named_twice_are_refused(pod: Pod, s3: S3) -> None:
    """Protocol buffers take the last of two values; who looks at the first would be fooled."""
    files = with_external_data("weights.data")
    model = onnx.load_from_string(files["digits.onnx"])
    tensor = model.graph.initializer[0].SerializeToString()
    entry = b"\x0a\x08location\x12\x0cweights.data"
    twice = entry + b"\x12\x0b/etc/passwd"
    assert onnx.StringStringEntryProto.FromString(twice).value == "/etc/passwd"
    tensor = tensor.replace(bytes([len(entry)]) + entry, bytes([len(twice)]) + twice)
    del model.graph.initializer[:]
    graph = model.graph.SerializeToString() + b"\x2a" + bytes([len(tensor)]) + tensor
    model.ClearField("graph")
    size = bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7])
    files["digits.onnx"] = model.SerializeToString() + b"\x3a" + size + graph
    pod.wants(model_entry(uri=put(s3, "external/twice", packed(files))))
    with pytest.raises(Failure, match="unusual") as caught:
        pod.fetch()
    assert caught.value.reason is Reason.MODEL_INVALID


def test_nothing_secret_is_logged(
    pod: Pod, s3: S3, sealed_by: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    uri = put(s3, "sealed/logged", sealed(MODEL), signature=SIGNATURE)
    pod.wants(model_entry(uri=uri, **sealed_by))
    with caplog.at_level("DEBUG"):
        told = io.StringIO(json.dumps(pod.fetch()))
    assert "signed by team.pub" in caplog.text
    assert KEY.text().strip() not in caplog.text + told.getvalue()
