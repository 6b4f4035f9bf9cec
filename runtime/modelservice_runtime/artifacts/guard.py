"""Every connection of a storage client, judged when it is made.

The client resolves names itself and follows redirects, so a look at the endpoint beforehand is not
enough: a DNS server may answer otherwise the second time, and an endpoint may point elsewhere. The
client is therefore given a proxy that listens on loopback in this process. It resolves each host,
asks the policy, and connects to the very address that was judged.

    client → 127.0.0.1:<port> → addresses(host) by the policy → the server

TLS goes through untouched (CONNECT). Plain HTTP gets one request a connection: a client would keep
the connection to a proxy for another server's requests too. Bytes are spliced in the kernel.
"""

import errno
import os
import re
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from modelservice_runtime.artifacts.network import ENDPOINT, Network, Subject, canonical
from modelservice_runtime.failure import Failure

HEAD_LIMIT: Final = 64 * 1024
CONNECT_SECONDS: Final = 3.0
CHUNK: Final = 1024 * 1024
# The names of AWS's S3 are the endpoint where none is stated, and private where a VPC has its own.
AWS: Final = re.compile(r"([a-z0-9.-]+\.)?s3[.-]([a-z0-9-]+\.)*amazonaws\.com(\.cn)?")
END: Final = b"\r\n\r\n"
CLOSE: Final = b"Connection: close\r\n\r\n"
LOOPBACK: Final = "127.0.0.1"
NOBODY: Final = ""  # as `trusted`: no host at all
# Of the connection to a proxy, and not for the server.
HOP: Final = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")


@dataclass(frozen=True)
class _Request:
    """The head of a client's request: where it wants to go, and what the server is to see."""

    host: str
    port: int
    tunnel: bool
    onward: bytes


class _Refused(Exception):  # noqa: N818 - an answer to the client
    """The client's request is not passed on; the text is the status line's."""


class Guard:
    """A proxy for one client; it ends when nothing refers to it any more.

    `trusted` is the host of the endpoint that the Secret or the platform names, which may be
    private; None is AWS. `subject` is what led to the hosts, for messages.
    """

    def __init__(
        self, network: Network, *, trusted: str | None, subject: Subject = ENDPOINT
    ) -> None:
        self._judge = _Judge(network, trusted=trusted, subject=subject)
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        # NB: the thread must not keep this object alive, or nothing would ever end it.
        threading.Thread(
            target=_accept, args=(self._listener, self._judge), name="guard", daemon=True
        ).start()

    @property
    def url(self) -> str:
        """What the client is given as its proxy."""
        return f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"

    @property
    def refusal(self) -> Failure | None:
        """Why a connection was refused; None where none was."""
        return self._judge.refusal

    def __del__(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread


class _Judge:
    """Where the client may connect to, and what it was refused."""

    def __init__(self, network: Network, *, trusted: str | None, subject: Subject) -> None:
        self.refusal: Failure | None = None
        self._network = network
        self._subject = subject
        self._trusted = canonical(trusted) if trusted is not None else None

    def dial(self, host: str, *, port: int) -> socket.socket:
        """A connection to an address of `host` that the policy admits. Raises _Refused."""
        try:
            addresses = self._network.addresses(
                host, port=port, trusted=self._trusts(host), subject=self._subject
            )
        except Failure as failure:
            self.refusal = failure
            raise _Refused("403 Forbidden") from None
        for address in addresses:
            with suppress(OSError):
                server = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
                server.settimeout(None)
                return server
        raise _Refused("502 Bad Gateway")

    def _trusts(self, host: str) -> bool:
        if self._trusted is None:
            return AWS.fullmatch(canonical(host)) is not None
        return canonical(host) == self._trusted


def _accept(listener: socket.socket, judge: _Judge) -> None:
    with closing(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the guard has ended
                return
            threading.Thread(target=_serve, args=(client, judge), name="guard", daemon=True).start()


def _serve(client: socket.socket, judge: _Judge) -> None:
    """One connection of the client, from its first request to its end."""
    with closing(client), suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            request, rest = _request(client)
            server = judge.dial(request.host, port=request.port)
        except _Refused as refused:
            client.sendall(f"HTTP/1.1 {refused}\r\nContent-Length: 0\r\n".encode() + CLOSE)
            return
        with closing(server):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if request.tunnel:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            server.sendall(request.onward + rest)
            _relay(client, server)


def _request(client: socket.socket) -> tuple[_Request, bytes]:
    """The first request, and what came behind its head. Raises _Refused."""
    received = b""
    while END not in received:
        chunk = client.recv(HEAD_LIMIT)
        if not chunk or len(received) > HEAD_LIMIT:
            raise _Refused("400 Bad Request")
        received += chunk
    head, _, rest = received.partition(END)
    line, *headers = head.split(b"\r\n")
    try:
        return _parsed(line.decode("ascii"), headers=headers), rest
    except ValueError:
        raise _Refused("400 Bad Request") from None


def _parsed(line: str, *, headers: list[bytes]) -> _Request:
    """From a request line as a proxy gets it; ValueError where it is none."""
    method, target, version = line.split(" ")
    if method == "CONNECT":
        parts = urlsplit(f"//{target}")
        return _Request(parts.hostname or "", parts.port or 443, tunnel=True, onward=b"")
    parts = urlsplit(target)
    if parts.scheme != "http":
        raise ValueError(parts.scheme)
    path = target[len("http://") + len(parts.netloc) :] or "/"
    kept = [one for one in headers if one.partition(b":")[0].lower() not in HOP]
    onward = b"\r\n".join([f"{method} {path} {version}".encode(), *kept]) + b"\r\n" + CLOSE
    return _Request(parts.hostname or "", parts.port or 80, tunnel=False, onward=onward)


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Copy in both directions until both have ended."""
    sending = threading.Thread(target=_copy, args=(client, server), name="guard", daemon=True)
    sending.start()
    _copy(server, client)
    sending.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until `source` ends. The other direction ends too: nothing of ours closes by halves."""
    try:
        _splice(source, target)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS):  # a sandbox that has no splice
            with suppress(OSError):
                while chunk := source.recv(CHUNK):
                    target.sendall(chunk)
    finally:
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _splice(source: socket.socket, target: socket.socket) -> None:
    reading, writing = os.pipe()
    try:
        while count := os.splice(source.fileno(), writing, CHUNK):
            while count:
                count -= os.splice(reading, target.fileno(), count)
    finally:
        os.close(reading)
        os.close(writing)
