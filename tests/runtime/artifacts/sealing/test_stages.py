"""Steps that run ahead of each other: nothing is lost, held for ever or left running."""

import threading
from collections.abc import Iterator

import pytest

from modelservice_runtime.artifacts.sealing.stages import Reader, ahead


def test_all_arrives_in_order() -> None:
    with ahead(bytes([one]) for one in range(200)) as chunks:
        assert b"".join(chunks) == bytes(range(200))


def test_an_error_arrives_behind_what_came_before_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise ConnectionError("gone")

    got = []
    with pytest.raises(ConnectionError, match="gone"), ahead(broken()) as chunks:
        got.extend(chunks)
    assert got == [b"a"]


def test_who_leaves_early_leaves_no_thread_behind() -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            closed.set()

    before = threading.active_count()
    with ahead(endless()) as chunks:
        next(chunks)
    assert closed.is_set()
    assert threading.active_count() == before


def test_a_step_is_not_further_ahead_than_it_may_be() -> None:
    made = 0
    full = threading.Semaphore(0)

    def counted() -> Iterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            full.release()
            yield b"x"

    with ahead(counted(), depth=3) as chunks:
        for _ in range(4):
            full.acquire()
        assert made == 4
        next(chunks)
        full.acquire()
        assert made == 5


def test_a_reader_gives_what_is_asked_for() -> None:
    reader = Reader([b"abc", b"", b"defg", memoryview(b"hi")])
    assert reader.peek(5) == b"abcde"
    assert (reader.read(2), bytes(reader.some(9)), reader.read(4)) == (b"ab", b"cde", b"fghi")
    assert (reader.read(3), bytes(reader.some()), reader.taken) == (b"", b"", 9)


def test_what_is_peeked_at_stays() -> None:
    reader = Reader([b"abc"])
    assert reader.peek(2) == reader.peek(2) == b"ab"
    assert reader.peek(9) == b"abc"
    assert b"".join(reader.rest()) == b"abc"
