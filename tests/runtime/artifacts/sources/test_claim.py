"""A file of a mounted claim is copied; no path and no link leads out of the volume."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources import claim
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.source import Source
from modelservice_runtime.failure import Failure, Reason


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """The claim `models`, beside a claim of somebody else's and a file of the pod."""
    (tmp_path / "claims" / "other").mkdir(parents=True)
    (tmp_path / "claims" / "other" / "m.onnx").write_bytes(b"not yours")
    (tmp_path / "secret").write_bytes(b"not yours")
    root = tmp_path / "claims" / "models"
    (root / "digits").mkdir(parents=True)
    (root / "digits" / "m.onnx").write_bytes(b"a model")
    return root


def opened(volume: Path, path: str) -> Source:
    uri = f"pvc://models/{path}"
    return open_source(uri, credentials=None, network=Network(), claims=volume.parent, hub="")


def copied(volume: Path, path: str) -> bytes:
    target = volume.parent.parent / "model.onnx"
    source = opened(volume, path)
    got = source.download(target)
    data = target.read_bytes()
    assert got.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert source.head().size == len(data)
    return data


def refused(volume: Path, path: str) -> Failure:
    target = volume.parent.parent / "model.onnx"
    with pytest.raises(Failure) as caught:
        opened(volume, path).download(target)
    assert not target.exists()
    assert not target.with_name(".model.onnx.partial").exists()
    with pytest.raises(Failure):
        opened(volume, path).head()
    return caught.value


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 100_000])
def test_a_file_of_any_size_is_copied(
    size: int, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "CHUNK", 4096)
    data = os.urandom(size)
    (volume / "m.onnx").write_bytes(data)
    assert copied(volume, "m.onnx") == data


def test_links_that_stay_inside_are_followed(volume: Path) -> None:
    """As in the caches of model hubs: snapshots/<revision>/<file> → ../../blobs/<digest>."""
    (volume / "blobs").mkdir()
    (volume / "blobs" / "abc").write_bytes(b"a blob")
    (volume / "snapshots" / "1").mkdir(parents=True)
    (volume / "snapshots" / "1" / "m.onnx").symlink_to("../../blobs/abc")
    (volume / "main").symlink_to("snapshots/1")
    assert copied(volume, "main/m.onnx") == b"a blob"


Make = Callable[[Path], object]

OUTSIDE: dict[str, Make] = {
    "an absolute link": lambda at: at.symlink_to(at.parents[2] / "secret"),
    "a link that climbs": lambda at: at.symlink_to("../../secret"),
    "a link to another claim": lambda at: at.symlink_to("../other/m.onnx"),
    "a link to the system": lambda at: at.symlink_to("/etc/passwd"),
    "a link over a link": lambda at: (
        at.with_name("step").symlink_to(".."),
        at.symlink_to("step/other/m.onnx"),
    ),
    "a device": lambda at: at.symlink_to("/dev/zero"),
    "a process": lambda at: at.symlink_to("/proc/self/environ"),
}


@pytest.mark.parametrize("make", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_a_link_that_leads_out_is_refused(make: Make, volume: Path) -> None:
    make(volume / "m.onnx")
    told = refused(volume, "m.onnx")
    assert (told.reason, told.heals) == (Reason.SOURCE_REFUSED, True)
    assert "leads out of the volume" in told.message


@pytest.mark.parametrize("path", ["../../secret", "digits/../../other/m.onnx", "/etc/passwd"])
def test_a_path_that_leads_out_is_refused_though_the_api_takes_none(
    path: str, volume: Path
) -> None:
    told = refused(volume, path)
    assert told.reason in {Reason.SOURCE_REFUSED, Reason.SOURCE_NOT_FOUND}


def listen(at: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(at))


NO_FILES: dict[str, tuple[Make, Reason, str]] = {
    "nothing": (lambda at: None, Reason.SOURCE_NOT_FOUND, "does not exist"),
    "a folder": (lambda at: at.mkdir(), Reason.SOURCE_NOT_FOUND, "is a folder"),
    "a dangling link": (lambda at: at.symlink_to("x"), Reason.SOURCE_NOT_FOUND, "does not exist"),
    "a circle": (lambda at: at.symlink_to("m.onnx"), Reason.SOURCE_REFUSED, "in circles"),
    "a pipe": (os.mkfifo, Reason.SOURCE_REFUSED, "a device, a pipe"),
}


@pytest.mark.parametrize(("make", "reason", "told"), NO_FILES.values(), ids=NO_FILES.keys())
def test_what_is_no_file_is_explained(make: Make, reason: Reason, told: str, volume: Path) -> None:
    make(volume / "m.onnx")
    failure = refused(volume, "m.onnx")
    assert (failure.reason, told in failure.message) == (reason, True)
    assert failure.message.startswith("pvc://models/m.onnx")


def test_a_socket_is_no_file(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(volume)  # names of sockets are short
    listen(Path("m.onnx"))
    assert refused(volume, "m.onnx").reason is Reason.SOURCE_REFUSED


@pytest.mark.parametrize("path", ["digits/m.onnx/x", "a" * 300])
def test_a_path_that_cannot_be_is_not_found(path: str, volume: Path) -> None:
    assert refused(volume, path).reason is Reason.SOURCE_NOT_FOUND


def test_a_link_that_is_swapped_after_the_look_leads_nowhere(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who may write the volume waits for the moment between look and opening."""
    real = os.path.realpath

    def look(path: Path, **options: bool) -> str:
        found = real(path, **options)
        if found.endswith("m.onnx"):
            (volume / "digits" / "m.onnx").unlink()
            (volume / "digits").rmdir()
            (volume / "digits").symlink_to("../other")
        return found

    monkeypatch.setattr(os.path, "realpath", look)
    target = volume.parent.parent / "model.onnx"
    with pytest.raises(Failure) as caught:
        opened(volume, "digits/m.onnx").download(target)
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND
    assert not target.exists()


def test_a_file_that_changes_while_it_is_read_is_not_used(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "CHUNK", 4)
    file = volume / "digits" / "m.onnx"
    target = volume.parent.parent / "model.onnx"

    def change(done: int, total: int) -> None:
        os.utime(file, (1, 1))

    with pytest.raises(Failure, match="was changed while it was being read") as caught:
        opened(volume, "digits/m.onnx").download(target, on_progress=change)
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    assert not target.exists()


@pytest.mark.parametrize(
    ("now", "told"), [(b"a mod", "fewer bytes"), (b"a model and more", "more bytes")]
)
def test_a_file_that_grows_or_shrinks_is_not_used(
    now: bytes, told: str, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "CHUNK", 4)
    target = volume.parent.parent / "model.onnx"

    def change(done: int, total: int) -> None:
        (volume / "digits" / "m.onnx").write_bytes(now)

    with pytest.raises(Failure, match=told):
        opened(volume, "digits/m.onnx").download(target, on_progress=change)
    assert not target.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="root can become somebody who may not read")
def test_a_file_that_may_not_be_read_is_explained(volume: Path) -> None:
    volume.parent.parent.chmod(0o755)
    (volume / "digits" / "m.onnx").chmod(0o600)
    child = os.fork()
    if child == 0:
        os.setuid(65532)
        try:
            opened(volume, "digits/m.onnx").head()
        except Failure as failure:
            denied = failure.reason is Reason.ACCESS_DENIED and "65532" in failure.message
            os._exit(0 if denied else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
