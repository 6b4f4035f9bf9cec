"""As much of S3 as a fetch asks for, at a known speed, with little CPU a byte.

    python -m e2e.bench.fetching.storage FOLDER BYTES_A_SECOND_A_CONNECTION BYTES_A_SECOND_IN_ALL

Objects are files: `/models/NAME` is FOLDER/NAME. They go from the page cache into the socket by
sendfile. The port is the first line of its output. Signatures of requests are not looked at.
"""

import hashlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from e2e.bench.fetching.pace import Pace

HOST = "127.0.0.1"
PIECE = 512 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_NO_OBJECT = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Storage:
    """Serves the files of `folder`. Rates are in bytes a second."""

    folder: Path
    each: float
    whole: Pace
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        """Answer until the process is ended."""
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        pace = Pace(rate=self.each, due=time.monotonic())
        with client, client.makefile("rb") as requests, suppress(ConnectionError):
            while line := requests.readline():
                method, target, _ = line.decode().split()
                headers = dict(_headers(iter(requests.readline, b"\r\n")))
                path = self.folder / target.partition("?")[0].rpartition("/")[2]
                if not path.is_file():
                    client.sendall(_NO_OBJECT)
                else:
                    self._send(client, path=path, method=method, headers=headers, pace=pace)
                if headers.get("connection") == "close":
                    return

    def _send(
        self,
        client: socket.socket,
        *,
        path: Path,
        method: str,
        headers: dict[str, str],
        pace: Pace,
    ) -> None:
        size = path.stat().st_size
        begin, end, status = 0, size, "200 OK"
        if found := _RANGE.fullmatch(headers.get("range", "")):
            begin = int(found[1])
            end = min(int(found[2]) + 1 if found[2] else size, size)
            status = "206 Partial Content"
        head = [
            f"HTTP/1.1 {status}",
            f"Content-Length: {end - begin}",
            f"Content-Range: bytes {begin}-{end - 1}/{size}",
            f'ETag: "{hashlib.sha256(path.name.encode()).hexdigest()[:32]}"',
            f"Last-Modified: {formatdate(path.stat().st_mtime, usegmt=True)}",
        ]
        client.sendall("\r\n".join([*head, "", ""]).encode())
        if method == "HEAD":
            return
        with path.open("rb") as file:
            while begin < end:
                piece = min(PIECE, end - begin)
                time.sleep(self._wait(piece, pace=pace))
                begin += _send_all(client, file.fileno(), begin=begin, size=piece)

    def _wait(self, size: int, *, pace: Pace) -> float:
        with self._lock:
            now = time.monotonic()
            return max(pace.take(size, now=now), self.whole.take(size, now=now))


def _headers(lines: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.decode().partition(":")
        yield name.lower(), value.strip()


def _send_all(client: socket.socket, source: int, *, begin: int, size: int) -> int:
    sent = 0
    while sent < size:
        count = os.sendfile(client.fileno(), source, begin + sent, size - sent)
        if not count:
            raise ConnectionError("the file is shorter than it was")
        sent += count
    return sent


def main(folder: str, each: str, whole: str) -> None:
    """Listen on a port of its own choice."""
    listener = socket.create_server((HOST, 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    pace = Pace(rate=float(whole), due=time.monotonic())
    Storage(Path(folder), each=float(each), whole=pace).serve(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
