"""zstd, in one pass and in bounded memory, whatever a file claims of itself."""

import os
from collections import deque
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

_INPUT_BYTES = CHUNK_BYTES
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
    marked = _Source(_marked(chunks, mark=zstandard.ZstdCompressor(level=1).compress(mark)))
    source = cast("IO[bytes]", marked)  # `read` is all that is asked of it
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    held: deque[bytes] = deque()  # what may have the mark in it
    behind = 0  # bytes of `held` but for its first
    try:
        with decompressor.stream_reader(source, _INPUT_BYTES, read_across_frames=True) as stream:
            while piece := stream.read(CHUNK_BYTES):
                behind += len(piece) if held else 0
                held.append(piece)
                while behind >= _MARK_BYTES:
                    yield held.popleft()
                    behind -= len(held[0])
    except zstandard.ZstdError as error:
        raise _damaged(_why(error)) from None
    end = b"".join(held)
    if not end.endswith(mark):
        raise _damaged("it ends too early")
    if len(end) > _MARK_BYTES:
        yield memoryview(end)[:-_MARK_BYTES]


class _Source:
    """Chunks as the library reads them, without a copy."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._reader = Reader(chunks)

    def read(self, size: int) -> memoryview:
        return self._reader.some(size)


def _marked(chunks: Iterable[Chunk], *, mark: bytes) -> Chunks:
    """The chunks and the mark, which comes together with the byte before it: where a read begins
    with a whole frame, the library takes that for the one whose header it has a part of."""
    last: Chunk = b""
    for chunk in chunks:
        if last:
            yield last
        last = chunk
    if rest := memoryview(last)[:-1]:
        yield rest
    yield bytes(last[-1:]) + mark


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
