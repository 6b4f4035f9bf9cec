"""The guard judges every connection when it is made: redirects, names that change, other ports."""

from __future__ import annotations

import errno
import gc
import http.server
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from e2e.cluster.certificates import Authority
from modelservice_runtime.artifacts.guard import Guard
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.s3 import LOOPBACK, S3

STRICT = Network()
Handle = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(handle: Handle, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """An HTTP server on loopback; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            handle(self)

        do_GET = do_HEAD = do_PUT = _do  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Silent."""

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        running.socket = tls.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield running.server_port
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def redirect(location: str) -> Handle:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(307)
        request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def secret(folder: Path, endpoint: str) -> Path:
    values = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret-text",
        "AWS_ENDPOINT_URL": endpoint,
    }
    for key, value in values.items():
        (folder / key).write_text(value)
    return folder


def refusal(folder: Path, endpoint: str, *, network: Network = LOOPBACK) -> Reason:
    storage = Storage.open(
        "s3://models/m.onnx", credentials=secret(folder, endpoint), network=network
    )
    with pytest.raises(Failure) as caught:
        storage.head()
    return caught.value.reason


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/internal",
        "http://0x0a000001/internal",
        "https://192.168.0.1/",
    ],
)
def test_a_redirect_is_judged_like_an_endpoint(location: str, tmp_path: Path) -> None:
    with server(redirect(location)) as port:
        assert refusal(tmp_path, f"http://127.0.0.1:{port}") is Reason.ENDPOINT_REFUSED


def test_a_name_is_judged_again_when_it_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a good answer for the check, the metadata service for the connection."""
    answers = iter(["8.8.8.8"])

    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        address = next(answers, "169.254.169.254")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    for scheme in ("http", "https"):
        answers = iter(["8.8.8.8"])
        found = refusal(tmp_path, f"{scheme}://s3.example.com", network=STRICT)
        assert found is Reason.ENDPOINT_REFUSED


def test_the_client_does_not_go_around_it(s3: S3, tmp_path: Path) -> None:
    """Nothing but the guard stands between the client and a server that is there."""
    storage = s3.open("s3://models/m.onnx")
    guarded = Guard(STRICT, trusted="127.0.0.1")
    with talk(guarded, f"GET {s3.endpoint}/models/m.onnx HTTP/1.1\r\n\r\n") as client:
        assert answer(client).startswith(b"HTTP/1.1 403")
    assert guarded.refusal is not None
    assert storage.guard.refusal is None


@contextmanager
def talk(guard: Guard, text: str) -> Iterator[socket.socket]:
    port = int(guard.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text.encode())
        yield client


def answer(client: socket.socket) -> bytes:
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def test_a_request_reaches_the_server_as_if_there_were_no_proxy() -> None:
    seen: list[tuple[str, str, dict[str, str]]] = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        seen.append((request.command, request.path, dict(request.headers)))
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"ok")

    guard = Guard(LOOPBACK, trusted=None)
    with server(handle) as port:
        host = f"127.0.0.1:{port}"
        head = f"Host: {host}\r\nX-Amz-Date: d\r\nProxy-Authorization: p\r\nConnection: keep-alive"
        with talk(guard, f"GET http://{host}/a%20b?c=d HTTP/1.1\r\n{head}\r\n\r\n") as client:
            assert answer(client).endswith(b"\r\n\r\nok")
    ((method, path, headers),) = seen
    assert (method, path) == ("GET", "/a%20b?c=d")
    assert headers == {"Host": host, "X-Amz-Date": "d", "Connection": "close"}


@pytest.mark.parametrize("spliced", [True, False])
def test_a_tunnel_carries_anything(spliced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What TLS needs; the guard understands none of it. Not every sandbox has splice."""

    def refuse(*arguments: object) -> int:
        raise OSError(errno.EINVAL, "not here")

    if not spliced:
        monkeypatch.setattr(os, "splice", refuse)
    guard = Guard(LOOPBACK, trusted=None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with talk(guard, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n") as client:
            there, _ = listener.accept()
            with there:
                assert client.recv(100).startswith(b"HTTP/1.1 200")
                big = b"\x16\x03\x01" + bytes(5_000_000)
                sender = threading.Thread(target=client.sendall, args=(big,))
                sender.start()
                received = 0
                while received < len(big):
                    received += len(there.recv(1_000_000))
                sender.join()
                there.sendall(b"back")
            assert answer(client) == b"back"


def test_https_is_talked_to_the_server_itself(tmp_path: Path) -> None:
    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "4")
        request.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        request.send_header("ETag", '"1"')
        request.end_headers()
        request.wfile.write(b"safe")

    authority = Authority(tmp_path)
    authority.ensure()
    issued = authority.issue("s3", subject="/CN=s3", hosts=["IP:127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    guard = Guard(LOOPBACK, trusted="127.0.0.1")
    with server(handle, tls=context) as port:
        store = S3Store(
            "models",
            endpoint=f"https://127.0.0.1:{port}",
            region="us-east-1",
            access_key_id="someone",
            secret_access_key="secret-text",
            client_options={"proxy_url": guard.url, "allow_invalid_certificates": True},
        )
        assert bytes(obstore.get(store, "m.onnx").bytes()) == b"safe"
    assert guard.refusal is None


@pytest.mark.parametrize(
    "text",
    [
        "GET / HTTP/1.1\r\n\r\n",
        "GET ftp://example.com/ HTTP/1.1\r\n\r\n",
        "GET http://[::1/ HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
        "CONNECT example.com:port HTTP/1.1\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\nX: " + "x" * 200_000,
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    guard = Guard(LOOPBACK, trusted=None)
    try:
        with talk(guard, text) as client:
            assert answer(client).startswith(b"HTTP/1.1 400")
    except ConnectionResetError:
        assert len(text) > 100_000  # it did not read on


@pytest.mark.parametrize(
    ("trusted", "host", "reached"),
    [
        ("s3.internal", "s3.internal", True),
        ("s3.internal", "S3.INTERNAL.", True),
        ("s3.internal", "other.internal", False),
        ("s3.internal", "models.s3.eu-1.amazonaws.com", False),
        (None, "models.s3.eu-1.amazonaws.com", True),
        (None, "s3-eu-1.amazonaws.com", True),
        (None, "models.s3.cn-1.amazonaws.com.cn", True),
        (None, "ec2-10-1-2-3.eu-1.compute.amazonaws.com", False),
        (None, "s3.amazonaws.com.example.org", False),
        (None, "amazonaws.com.example.org", False),
        (None, "s3.internal", False),
    ],
)
def test_only_the_stated_endpoint_may_be_private(
    trusted: str | None, host: str, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", port))]

    def connect(address: tuple[str, int], **options: Any) -> socket.socket:
        raise ConnectionRefusedError

    guard = Guard(STRICT, trusted=trusted)
    with talk(guard, f"CONNECT {host}:443") as client:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket, "create_connection", connect)
        client.sendall(b" HTTP/1.1\r\n\r\n")
        status = answer(client).split()[1]
    assert status == (b"502" if reached else b"403")


@pytest.mark.parametrize("host", ["10.1.2.3", "10.66051", "0xa010203", "10.1.2.3."])
def test_the_endpoint_is_the_same_in_every_spelling(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client writes an address its own way, whatever the Secret says."""

    def connect(address: tuple[str, int], **options: Any) -> socket.socket:
        raise ConnectionRefusedError

    guard = Guard(STRICT, trusted=host)
    with talk(guard, "CONNECT 10.1.2.3:443") as client:
        monkeypatch.setattr(socket, "create_connection", connect)
        client.sendall(b" HTTP/1.1\r\n\r\n")
        assert answer(client).startswith(b"HTTP/1.1 502")
    guard = Guard(STRICT, trusted="FD12:0::1")
    monkeypatch.undo()
    with talk(guard, "CONNECT [fd12::1]:443") as client:
        monkeypatch.setattr(socket, "create_connection", connect)
        client.sendall(b" HTTP/1.1\r\n\r\n")
        assert answer(client).startswith(b"HTTP/1.1 502")


def test_it_ends_with_its_storage(s3: S3) -> None:
    guard = Guard(LOOPBACK, trusted=None)
    port = int(guard.url.rpartition(":")[2])
    del guard
    gc.collect()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
    pytest.fail("it still listens")
