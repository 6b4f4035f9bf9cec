"""How the steps of the chain are joined: iterators of bytes, each of which may run ahead.

A step takes chunks and yields chunks, so that none of them holds more than a few. `ahead` gives a
step a thread of its own: digests, AES and zstd release the interpreter on buffers of this size, so
what the steps cost together is what the slowest of them costs.
"""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress

Chunk = bytes | memoryview
Chunks = Iterator[Chunk]

CHUNK_BYTES = 2**20

_DEPTH = 4
_POLL_SECONDS = 0.1


class _End(Exception):  # noqa: N818  # no error: the mark behind the last chunk
    """Carries what ended a step: None where all went well."""

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__()
        self.cause = cause


@contextmanager
def ahead(chunks: Iterable[Chunk], *, depth: int = _DEPTH) -> Generator[Chunks, None, None]:
    """Run `chunks` in a thread that is at most `depth` chunks ahead of who takes them.

    What it raises is raised to the taker. On leaving, the thread has ended and `chunks` is closed.
    """
    waiting: queue.Queue[Chunk | _End] = queue.Queue(maxsize=depth)
    left = threading.Event()

    def hand_over(item: Chunk | _End) -> bool:
        while not left.is_set():
            with suppress(queue.Full):
                waiting.put(item, timeout=_POLL_SECONDS)
                return True
        return False

    def run() -> None:
        cause: BaseException | None = None
        try:
            for chunk in chunks:
                if not hand_over(chunk):
                    break
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is taken
            cause = error
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        hand_over(_End(cause))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield _taken(waiting)
    finally:
        left.set()
        thread.join()


def _taken(waiting: "queue.Queue[Chunk | _End]") -> Chunks:
    while True:
        item = waiting.get()
        if isinstance(item, _End):
            if item.cause is not None:
                raise item.cause
            return
        yield item


class Reader:
    """Chunks as something to read exact amounts from. `taken` counts the bytes."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = iter(chunks)
        self._held = memoryview(b"")
        self.taken = 0

    def some(self, limit: int = CHUNK_BYTES) -> memoryview:
        """At most `limit` bytes as they come; none at the end only."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._held = memoryview(chunk)
        some, self._held = self._held[:limit], self._held[limit:]
        self.taken += len(some)
        return some

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """`size` bytes; fewer at the end only."""
        return bytes(self.view(size))

    def view(self, size: int) -> memoryview:
        """The same, and no copy where they came in one piece."""
        first = self.some(size)
        if not first or len(first) == size:
            return first
        parts = [first]
        missing = size - len(first)
        while missing and (part := self.some(missing)):
            parts.append(part)
            missing -= len(part)
        return memoryview(b"".join(parts))

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, which stay to be read; fewer at the end only."""
        start = self.read(size)
        self.taken -= len(start)
        rest = self._held
        self._chunks = _before(rest, self._chunks)
        self._held = memoryview(start)
        return start

    def rest(self) -> Chunks:
        """All that is still to come."""
        while some := self.some():
            yield some


def _before(first: memoryview, chunks: Chunks) -> Chunks:
    if first:
        yield first
    yield from chunks
