"""zstd, in one pass and in bounded memory, whatever a file claims of itself."""

import os
from collections.abc import Iterable
from typing import IO, cast

import zstandard

from modelservice_runtime.artifacts.sealing.stages import CHUNK_BYTES, Chunk, Chunks, Reader
from modelservice_runtime.failure import Failure, Reason

MAGIC = b"\x28\xb5\x2f\xfd"
LEVEL = 3
"""zstd's own default: weights hardly get smaller with more."""

LARGEST_WINDOW = 2**27
"""128 MiB: what `zstd --ultra -22` uses. More memory than that no file is given."""

_RANDOM_BYTES = 16
_REPEATED = 8
_MARK_BYTES = _RANDOM_BYTES * _REPEATED


def compress(chunks: Iterable[Chunk], *, level: int = LEVEL) -> Chunks:
    """One zstd frame with a checksum of its content."""
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
    for chunk in chunks:
        if out := compressor.compress(chunk):
            yield out
    yield compressor.flush()


def decompress(chunks: Iterable[Chunk]) -> Chunks:
    """What all frames hold, in pieces of at most 1 MiB. Raises `Failure` with `ArtifactDamaged`.

    How much comes out is for the taker to bound: nothing is made before it is asked for.
    """
    # The library does not tell a last frame that is whole from one that is cut off. A frame with a
    # random mark behind the last does: it comes out as itself only where all before it was whole.
    # Its bytes hold the random part once and not _REPEATED times: a frame that was cut, and takes
    # them for its own, does not end with the mark.
    mark = os.urandom(_RANDOM_BYTES) * _REPEATED
    marked = Reader(_marked(chunks, mark=zstandard.ZstdCompressor(level=1).compress(mark)))
    source = cast("IO[bytes]", marked)  # `read` is all that is asked of it
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    held = b""
    try:
        with decompressor.stream_reader(source, read_across_frames=True) as stream:
            while piece := stream.read(CHUNK_BYTES):
                if held:
                    piece = held + piece
                held = piece[-_MARK_BYTES:]
                if len(piece) > _MARK_BYTES:
                    yield piece[:-_MARK_BYTES]
    except zstandard.ZstdError as error:
        raise _damaged(_why(error)) from None
    if held != mark:
        raise _damaged("it ends too early")


def _marked(chunks: Iterable[Chunk], *, mark: bytes) -> Chunks:
    yield from chunks
    yield mark


def _why(error: zstandard.ZstdError) -> str:
    if "too much memory" in str(error):
        return (
            f"it needs a window of more than {LARGEST_WINDOW // 2**20} MiB to be unpacked; "
            "compress it without --long"
        )
    return "it cannot be unpacked"


def _damaged(how: str) -> Failure:
    return Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=f"The compressed (zstd) artifact is damaged: {how}. Upload it again, or seal it "
        "anew.",
    )
