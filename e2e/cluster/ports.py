"""Who listens where: read from /proc, so that a taken port is told with the name of its holder."""

import os
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"  # TCP
UNCONNECTED = "07"  # UDP: bound, which is all that a server is
TABLES = {"tcp": LISTEN, "tcp6": LISTEN, "udp": UNCONNECTED, "udp6": UNCONNECTED}


@dataclass(frozen=True)
class Listener:
    """A listening socket."""

    address: str
    port: int
    inode: str


def decode(text: str) -> tuple[str, int]:
    """(address, port) of the kernel's notation: `0100007F:1F90` is 127.0.0.1:8080."""
    raw, port = text.split(":")
    words = [int(raw[start : start + 8], 16) for start in range(0, len(raw), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    address = socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
    return address.removeprefix("::ffff:"), int(port, 16)


def parse(table: str, *, state: str) -> Iterator[Listener]:
    """The sockets of a /proc/net table that are in `state`."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[3] == state:
            address, port = decode(columns[1])
            yield Listener(address, port, columns[9])


def listeners() -> list[Listener]:
    """Every listening socket of the machine."""
    found: list[Listener] = []
    for name, state in TABLES.items():
        table = PROC / "net" / name
        if table.exists():
            found += parse(table.read_text(), state=state)
    return found


def blocks(listener: Listener, *, address: str, port: int) -> bool:
    """Whether nobody can listen at `address`:`port` beside `listener`."""
    return listener.port == port and listener.address in {address, "0.0.0.0", "::"}


def holders() -> dict[str, int]:
    """Socket inode → pid of a process that holds it."""
    found: dict[str, int] = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            for link in (entry / "fd").iterdir():
                matched = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
                if matched:
                    found[matched[1]] = int(entry.name)
        except OSError:  # it has ended meanwhile
            continue
    return found


def name(pid: int) -> str:
    """What people call the process `pid`."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a process"
