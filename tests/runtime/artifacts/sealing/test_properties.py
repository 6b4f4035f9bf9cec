"""Fuzzing the parsers of the chain: whatever comes in, files or a `Failure`, and nothing outside.

`MODELSERVICE_FUZZ_SECONDS=600 pytest tests/runtime/artifacts/sealing/test_properties.py` looks for
ten minutes (for each property); without it, each takes a second or so.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, assume, given, settings

from modelservice_runtime.artifacts.sealing import anchors, tar
from modelservice_runtime.artifacts.sealing.bundle import Bundle
from modelservice_runtime.artifacts.sealing.compression import compress, decompress
from modelservice_runtime.artifacts.sealing.container import Header, decrypt, encrypt
from modelservice_runtime.artifacts.sealing.folder import Room
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.artifacts.sealing.members import Members
from modelservice_runtime.artifacts.sealing.opening import open_artifact
from modelservice_runtime.artifacts.sealing.stages import Reader
from modelservice_runtime.artifacts.sealing.statement import Statement
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing import signers
from tests.runtime.artifacts.sealing.archives import member, pax, tar_of, zip_of

KEY = EncryptionKey.new(origin="test")
SIGNER = signers.new_key()
SECONDS = float(os.environ.get("MODELSERVICE_FUZZ_SECONDS", "0"))
ROOM = 2**20

FILES = {"model.onnx": b"a graph", "weights/a.data": bytes(2000)}
GOOD = {
    "tar": tar_of(FILES),
    "tar.zst": b"".join(compress([tar_of(FILES)])),
    "zip": zip_of(FILES),
    "stored": zip_of(FILES, compression=zipfile.ZIP_STORED),
    "file": b"\x08\x07 a graph",
    "pax": pax([("path", "a" * 200)]) + member("x", content=b"y") + bytes(1024),
}
SIGNATURE = signers.signature(FILES, key=SIGNER)
TRUSTED = anchors.parse(signers.public_pem(SIGNER), name="x")

NAMES = st.text("abü/._", min_size=1, max_size=150)

Test = Callable[..., None]


def fuzz(test: Test) -> Test:
    """A few examples, or as many as there are seconds for."""
    limits = settings(
        max_examples=2000 if SECONDS else 200,
        deadline=None,
        derandomize=not SECONDS,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    limited = limits(test)

    def run() -> None:
        end = monotonic() + SECONDS
        limited()
        while monotonic() < end:
            limited()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@contextmanager
def may_refuse(*reasons: Reason) -> Iterator[None]:
    """What is within may end with a `Failure` of one of these reasons, and in no other way."""
    try:
        yield
    except Failure as failure:
        if failure.reason not in reasons or not failure.message.isprintable():
            raise


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A good one with bytes changed, cut, put in and doubled."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        size = draw(st.integers(1, 600))
        what = draw(st.integers(0, 3))
        if what == 0:
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
        elif what == 1:
            del data[at : at + size]
        elif what == 2:
            data[at:at] = data[at : at + size]
        else:
            data[at:at] = draw(st.binary(max_size=16))
    return bytes(data)


def opened(data: bytes, *, key: EncryptionKey | None = None) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        into = root / "opened"
        with may_refuse(*Reason):
            found = open_artifact([data], key=key, into=into, room=Room(left=ROOM, whole=ROOM))
            for file, size in found.sizes.items():
                assert found.path(file).stat().st_size == size
                assert not found.path(file).is_symlink()
        assert {path.name for path in root.iterdir()} == {"opened"}
        for path in into.rglob("*"):
            assert not path.is_symlink()
        assert sum(path.stat().st_size for path in into.rglob("*") if path.is_file()) <= ROOM


@fuzz
@given(st.data())
def test_archives(data: Any) -> None:
    opened(data.draw(damaged(GOOD[data.draw(st.sampled_from(sorted(GOOD)))])))


@fuzz
@given(st.binary(max_size=3000))
def test_anything_as_an_archive(data: bytes) -> None:
    opened(data)


@fuzz
@given(st.text(max_size=40), st.sampled_from(b"0257\0xgLKS"), st.binary(max_size=600), st.text())
def test_tar_members(name: str, kind: int, content: bytes, link: str) -> None:
    try:
        raw = member(name, kind=bytes([kind]), content=content, link=link[:20])
    except (ValueError, UnicodeEncodeError):
        assume(False)
    opened(raw + member("good", content=b"x") + bytes(1024))


@fuzz
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["path", "size", "mtime", "linkpath", "GNU.sparse.name"]),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        ),
        max_size=4,
    )
)
def test_pax_records(records: list[tuple[str, str]]) -> None:
    opened(pax(records) + member("x", content=b"y") + bytes(1024))


@fuzz
@given(st.lists(st.tuples(st.text(max_size=12), st.booleans()), max_size=6))
def test_names_stay_below_their_folder(names: list[tuple[str, bool]]) -> None:
    members = Members()
    seen = set()
    with may_refuse(Reason.ARCHIVE_REFUSED):
        for name, is_file in names:
            parts = members.file(name) if is_file else members.folder(name)
            assert all(part not in ("", ".", "..") and "/" not in part for part in parts)
            assert parts not in seen
            if is_file:
                seen.add(parts)


@fuzz
@given(st.data())
def test_containers(data: Any) -> None:
    good = b"".join(encrypt([b"a model" * 100], key=KEY))
    spoiled = data.draw(damaged(good))
    with may_refuse(Reason.ARTIFACT_DAMAGED, Reason.DECRYPTION_FAILED):
        assert b"".join(decrypt([spoiled], key=KEY)) == b"a model" * 100
        assert spoiled == good


@fuzz
@given(st.binary(max_size=400))
def test_headers(text: bytes) -> None:
    raw = b"MSSEALED\x00\x01" + len(text).to_bytes(2, "big") + text
    with pytest.raises(Failure):
        Header.read(Reader([raw]))


@fuzz
@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400))
def test_what_is_sealed_comes_out_again(parts: list[bytes], piece: int) -> None:
    data = b"".join(parts)
    sealed = b"".join(encrypt(compress(iter(parts)), key=KEY))
    pieces = (sealed[at : at + piece] for at in range(0, len(sealed), piece))
    assert b"".join(decompress(decrypt(pieces, key=KEY))) == data


@fuzz
@given(st.data())
def test_a_cut_zstd_frame_is_found_wherever_it_is_cut(data: Any) -> None:
    plain = data.draw(st.binary(max_size=600)) * data.draw(st.integers(1, 3))
    packed = b"".join(compress([plain]))
    with pytest.raises(Failure):
        b"".join(decompress([packed[: data.draw(st.integers(1, len(packed) - 1))]]))


@fuzz
@given(st.data())
def test_signatures(data: Any) -> None:
    spoiled = data.draw(damaged(SIGNATURE))
    with may_refuse(Reason.SIGNATURE_INVALID):
        bundle = Bundle.parse(spoiled)
        if bundle.signer(TRUSTED) is not None:
            assert bundle.statement() == signers.statement(FILES)


@fuzz
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=8,
    )
)
def test_statements(value: Any) -> None:
    with pytest.raises(Failure):
        Statement.parse(json.dumps(value).encode())


@fuzz
@given(st.lists(st.tuples(NAMES, st.binary(max_size=700)), max_size=4))
def test_our_archives_are_read_back(files: list[tuple[str, bytes]]) -> None:
    members, data, wanted = Members(), b"", {}
    for name, content in files:
        try:
            parts = members.file(name)
        except (Failure, UnicodeEncodeError):
            assume(False)
        wanted["/".join(parts)] = content
        data += tar.header("/".join(parts), size=len(content)) + content
        data += bytes(-len(content) % tar.BLOCK)
    assume(wanted)
    with tempfile.TemporaryDirectory() as root:
        into = Path(root) / "opened"
        found = open_artifact([data + tar.end()], key=None, into=into, room=Room(ROOM, ROOM))
        assert sorted(found.path(name).read_bytes() for name in found.files) == sorted(
            wanted.values()
        )
