"""zstd: whole or refused, and never more at a time than is asked for."""

import os
import struct

import pytest
import zstandard

from modelservice_runtime.artifacts.sealing.compression import compress, decompress
from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES
from modelservice_runtime.failure import Failure, Reason

DATA = os.urandom(3 * CHUNK_BYTES) + bytes(2 * CHUNK_BYTES) + b"end"
PACKED = b"".join(compress([DATA]))
PACKED_NOTHING = b"".join(compress([b""]))


@pytest.mark.parametrize("data", [b"", b"a", bytes(15), bytes(16), bytes(17), DATA])
def test_what_was_packed_comes_out(data: bytes) -> None:
    assert b"".join(decompress(compress([data]))) == data


def test_several_frames_are_one_file() -> None:
    """As pzstd writes them, with a frame to skip between."""
    skipped = struct.pack("<II", 0x184D2A50, 5) + b"hello"
    assert b"".join(decompress([PACKED, skipped, PACKED])) == DATA + DATA


@pytest.mark.parametrize("kept", range(1, len(PACKED_NOTHING)))
def test_a_cut_header_is_found_where_it_was_read_for_itself(kept: int) -> None:
    """The library takes a whole frame that a read begins with for the one that it has begun."""
    with pytest.raises(Failure):
        b"".join(decompress([PACKED_NOTHING[:kept]]))


@pytest.mark.parametrize("cut", [1, 2, 4, 5, 100, len(PACKED) // 2, len(PACKED) - 5])
def test_a_cut_end_is_found(cut: int) -> None:
    with pytest.raises(Failure) as caught:
        b"".join(decompress([PACKED[:-cut]]))
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED


@pytest.mark.parametrize(
    "damaged",
    [PACKED + b"x", PACKED + bytes(5), PACKED[:99] + b"\xff" + PACKED[100:], b"\x28\xb5\x2f\xfd"],
    ids=["a byte more", "zeros more", "a byte changed", "a magic alone"],
)
def test_what_was_changed_is_refused(damaged: bytes) -> None:
    with pytest.raises(Failure) as caught:
        b"".join(decompress([damaged]))
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED


def test_a_window_that_takes_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    long = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Failure, match="without --long"):
        b"".join(decompress([long.compress(DATA) + long.flush()]))


def test_a_bomb_comes_out_by_the_mebibyte() -> None:
    """8 GiB in less than a MiB: whoever takes them can stop at any of them."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    bomb = b"".join(packer.compress(bytes(2**24)) for _ in range(512)) + packer.flush()
    assert len(bomb) < 2**20
    chunks = decompress([bomb])
    assert all(len(next(chunks)) <= CHUNK_BYTES for _ in range(8))
