"""Storage against a real S3 server: objects arrive right or not at all; errors say what to do."""

import hashlib
import os
from pathlib import Path

import pytest

from modelservice_runtime.artifacts import ranges
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.storage import Download, Storage
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.s3 import S3, SECRET


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 100_000])
def test_an_object_of_any_size_arrives_whole(
    size: int, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", 4096)
    data = os.urandom(size)
    seen: list[tuple[int, int]] = []
    target = tmp_path / "model.onnx"
    got = s3.open(s3.put(f"sizes/{size}", data)).download(
        target, on_progress=lambda done, total: seen.append((done, total))
    )
    assert target.read_bytes() == data
    assert got == Download(digest=digest(data), size=size, seconds=got.seconds)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert all(total == size for _, total in seen)
    assert not size or seen[-1] == (size, size)


def test_what_breaks_half_way_leaves_nothing(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", 1024)
    monkeypatch.setattr(ranges, "WINDOW", 2)
    uri = s3.put("replaced", b"a" * 64 * 1024)
    folder = tmp_path / "models"
    folder.mkdir()

    def replace_it(done: int, total: int) -> None:
        s3.put("replaced", b"b" * 64 * 1024)

    with pytest.raises(Failure, match="was replaced while it was being read") as caught:
        s3.open(uri).download(folder / "model.onnx", on_progress=replace_it)
    assert caught.value.heals
    assert list(folder.iterdir()) == []


def test_what_cannot_fit_is_not_begun(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3.put("too-big", b"a" * 1024)
    monkeypatch.setattr("modelservice_runtime.artifacts.storage._free", lambda folder: 1023)
    with pytest.raises(Failure, match=r"modelStorage\.size") as caught:
        s3.open(uri).download(tmp_path / "model.onnx")
    assert caught.value.reason is Reason.STORAGE_FULL


def test_uploads_are_read_back(s3: S3, tmp_path: Path) -> None:
    data = os.urandom(12 * 1024 * 1024)
    source = tmp_path / "model.onnx"
    source.write_bytes(data)
    place = s3.open("s3://models/runs/6f2c/").child("model.onnx")
    place.upload(source)
    assert place.uri == "s3://models/runs/6f2c/model.onnx"
    assert place.head().size == len(data)
    assert place.download(tmp_path / "back").digest == digest(data)


def test_only_one_writer_creates_an_object(s3: S3) -> None:
    manifest = s3.open("s3://models/runs/once/").child("manifest.json")
    assert manifest.put_bytes(b"first", if_absent=True) is True
    assert manifest.put_bytes(b"second", if_absent=True) is False
    assert manifest.get_bytes(limit=100) == b"first"
    assert manifest.put_bytes(b"third") is True
    assert manifest.get_bytes(limit=100) == b"third"


def test_a_small_object_is_not_read_when_it_is_big(s3: S3) -> None:
    uri = s3.put("big-manifest", b"x" * 101)
    with pytest.raises(Failure, match="at most 100"):
        s3.open(uri).get_bytes(limit=100)


@pytest.mark.parametrize(
    ("uri", "reason", "told"),
    [
        ("s3://models/none.onnx", Reason.SOURCE_NOT_FOUND, "no object s3://models/none.onnx"),
        ("s3://nobody/m.onnx", Reason.SOURCE_NOT_FOUND, "has no bucket nobody"),
        ("s3://models/a//b", Reason.SOURCE_NOT_FOUND, "cannot name an object"),
        ("s3://models/../b", Reason.SOURCE_NOT_FOUND, "cannot name an object"),
        ("s3://models/folder/", Reason.SOURCE_NOT_FOUND, "names a folder"),
        ("s3://models/", Reason.SOURCE_NOT_FOUND, "names a folder"),
        ("s3://models", Reason.SOURCE_NOT_FOUND, "not an S3 address"),
        ("https://models/x", Reason.SOURCE_NOT_FOUND, "not an S3 address"),
        ("s3:///x", Reason.SOURCE_NOT_FOUND, "not an S3 address"),
    ],
)
def test_a_wrong_uri_is_explained(
    uri: str, reason: Reason, told: str, s3: S3, tmp_path: Path
) -> None:
    with pytest.raises(Failure, match=told) as caught:
        s3.open(uri).download(tmp_path / "model.onnx")
    assert caught.value.reason is reason
    with pytest.raises(Failure) as caught:
        s3.open(uri).head()
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("values", "reason", "told"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, Reason.ACCESS_DENIED, "does not know AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wr0ng"}, Reason.ACCESS_DENIED, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_REGION": "eu-west-9"}, Reason.ACCESS_DENIED, "AWS_REGION"),
        ({"AWS_SECRET_ACCESS_KEY": None}, Reason.SECRET_MISSING, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL": "http://s3.invalid"}, Reason.STORAGE_UNAVAILABLE, "DNS"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, Reason.STORAGE_UNAVAILABLE, "server is up"),
    ],
)
def test_a_wrong_secret_is_explained_without_its_content(
    values: dict[str, str | None], reason: Reason, told: str, s3: S3
) -> None:
    uri = s3.put("there", b"x")
    with pytest.raises(Failure, match=told) as caught:
        s3.open(uri, credentials=s3.secret("mine", **values)).head()
    assert caught.value.reason is reason
    assert SECRET not in caught.value.message
    assert "wr0ng" not in caught.value.message
    if reason is Reason.ACCESS_DENIED:
        assert "Secret mine" in caught.value.message


def test_the_pod_itself_is_refused_as_an_endpoint(s3: S3) -> None:
    with pytest.raises(Failure) as caught:
        Storage.open("s3://models/x", credentials=s3.secret(), network=Network())
    assert caught.value.reason is Reason.ENDPOINT_REFUSED
