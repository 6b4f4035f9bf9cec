"""A taken port is found whoever holds it and however it was bound."""

import os
import socket

import pytest

from e2e.cluster import ports
from e2e.cluster.ports import Listener

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:1F91 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0100007F:1F90", ("127.0.0.1", 8080)),
        ("00000000:0035", ("0.0.0.0", 53)),
        ("00000000000000000000000000000000:192B", ("::", 6443)),
        ("0000000000000000FFFF0000010012C6:192B", ("198.18.0.1", 6443)),
    ],
)
def test_decode(text: str, expected: tuple[str, int]) -> None:
    assert ports.decode(text) == expected


def test_only_listening_sockets_count() -> None:
    assert list(ports.parse(TABLE, state=ports.LISTEN)) == [Listener("127.0.0.1", 8080, "4711")]


@pytest.mark.parametrize(
    ("address", "blocked"),
    [("198.18.0.1", True), ("0.0.0.0", True), ("::", True), ("127.0.0.1", False)],
)
def test_who_is_in_the_way(address: str, blocked: bool) -> None:
    listener = Listener(address, 6443, "1")
    assert ports.blocks(listener, address="198.18.0.1", port=6443) is blocked
    assert not ports.blocks(listener, address="198.18.0.1", port=6444)


def test_the_holder_of_a_socket_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        found = next(listener for listener in ports.listeners() if listener.port == port)
        assert found.address == address
        assert ports.holders()[found.inode] == os.getpid()
        assert ports.name(os.getpid()) != "a process"
