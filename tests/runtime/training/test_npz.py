"""An archive from a stranger costs no more memory than allowed, and runs nothing."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from modelservice_runtime.training import npz

LIMIT = 2**20


def read(path: Path) -> dict[str, np.ndarray]:
    return npz.read(path, required=("x", "y"), optional=("x_test",), limit=LIMIT)


def member(shape: tuple[int, ...], *, descr: str = "<f4", body: bytes = b"") -> bytes:
    """An array's file with a header of our making."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + body


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


def test_only_the_named_arrays_are_read(write_npz: Callable[..., Path]) -> None:
    arrays = read(write_npz(x=np.ones(3), y=np.zeros(3), notes=np.array(["text"])))
    assert sorted(arrays) == ["x", "y"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", b"\x93NUMPY\x01\x00"])
def test_something_else_than_an_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(npz.ArchiveError, match=r"it is not an \.npz archive"):
        read(path)


def test_missing_arrays_are_named_beside_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(npz.ArchiveError, match=r"no array x \(it is empty\)"):
        read(archive(tmp_path / "d.npz"))
    many = {f"a{index:02}": b"" for index in range(12)}
    with pytest.raises(npz.ArchiveError, match=r"it has 'a00', .*'a07' and 4 more"):
        read(archive(tmp_path / "d.npz", **many))


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", x=member((2**40,)), y=member((1,), body=bytes(4)))
    with pytest.raises(
        npz.ArchiveError, match=r"take 4,194,304 MiB in memory, more than the 1 MiB"
    ):
        read(path)


def test_the_limit_is_for_all_arrays_together(write_npz: Callable[..., Path]) -> None:
    half = np.zeros(LIMIT // 16)
    assert len(read(write_npz(x=half, y=half))) == 2
    with pytest.raises(npz.ArchiveError, match=r"raise training\.resources\.limits\.memory"):
        read(write_npz(x=half, y=half, x_test=half[:1]))


def test_a_header_that_says_little_lets_little_in(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", x=member((4,), body=bytes(64 * LIMIT)), y=member((0,)))
    tracemalloc.start()
    assert len(read(path)["x"]) == 4
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LIMIT


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (member((4,), body=bytes(15)), "x is damaged"),
        (member((-4, 2)), "x has the impossible shape"),
        (b"\x93NUMPY\x01\x00", "x is not a readable numpy array"),
        (b"\x93NUMPY\x07\x00" + bytes(99), "x is not a readable numpy array"),
        (b"garbage", "x is not a readable numpy array"),
        (member((1,), descr="|O", body=b"\x80\x04N."), "x holds object values"),
        (member((1,), descr="<U3"), "x holds str96 values"),
        (member((1,), descr="<c8"), "x holds complex64 values"),
    ],
)
def test_a_strange_member_is_a_sentence(tmp_path: Path, x: bytes, sentence: str) -> None:
    with pytest.raises(npz.ArchiveError, match=sentence):
        read(archive(tmp_path / "d.npz", x=x, y=member((0,))))


def test_a_damaged_archive_is_a_sentence_wherever_it_is_damaged(
    tmp_path: Path, write_npz: Callable[..., Path]
) -> None:
    whole = write_npz(x=np.arange(9.0), y=np.arange(9)).read_bytes()
    path = tmp_path / "damaged.npz"
    generator = np.random.default_rng(0)
    for _ in range(500):
        data = bytearray(whole)
        for position in generator.integers(len(data), size=generator.integers(1, 5)):
            data[position] = generator.integers(256)
        path.write_bytes(data[: generator.integers(1, len(data) + 1)] if data[0] % 2 else data)
        try:
            assert set(read(path)) == {"x", "y"}
        except npz.ArchiveError:
            continue
