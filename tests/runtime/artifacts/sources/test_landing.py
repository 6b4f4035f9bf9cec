"""A file lands whole or not at all, and never with more bytes than were announced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelservice_runtime.artifacts.sources.landing import Landing, counted
from modelservice_runtime.artifacts.storage import Download
from modelservice_runtime.failure import Failure, Reason

URI = "https://a/m"


def landed(target: Path, *chunks: bytes, size: int) -> Download:
    with Landing(target, uri=URI, size=size) as one:
        for chunk in counted(chunks, uri=URI, size=size, on_progress=lambda done, total: None):
            one.add(chunk)
        return one.finish()


def test_the_digest_is_that_of_all_bytes_in_order(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"an older one")
    got = landed(target, b"ab", b"", b"cd", size=4)
    assert got.digest == f"sha256:{hashlib.sha256(b'abcd').hexdigest()}"
    assert target.read_bytes() == b"abcd"


@pytest.mark.parametrize(("size", "told"), [(3, "more bytes"), (5, "fewer bytes")])
def test_other_than_the_announced_bytes_do_not_land(size: int, told: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=told) as caught:
        landed(tmp_path / "model.onnx", b"ab", b"cd", size=size)
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"ab"
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Landing(tmp_path / "model.onnx", uri=URI, size=4) as landing,
    ):
        list(map(landing.add, interrupted()))
    assert list(tmp_path.iterdir()) == []
