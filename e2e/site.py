"""A web server with TLS for tests of sources, which can do all that servers do wrong."""

from __future__ import annotations

import http.server
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.cluster.certificates import Authority

Request = http.server.BaseHTTPRequestHandler
Handle = Callable[[Request], None]
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class Asked:
    """One request that a server got."""

    path: str
    headers: dict[str, str]


@dataclass
class Site:
    """A running server: what lies at each path, and what was asked of it."""

    host: str
    port: int
    authority: Path
    pages: dict[str, Handle] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str, *, host: str | None = None) -> str:
        return f"https://{host or self.host}:{self.port}{path}"

    def put(self, path: str, handle: Handle) -> str:
        """Let `handle` answer at `path`; its URL."""
        self.pages[path] = handle
        return self.url(path)

    def requests(self, path: str) -> list[dict[str, str]]:
        """The headers of the requests for `path`."""
        return [one.headers for one in self.asked if one.path == path]


@contextmanager
def site(root: Path, *, host: str = "127.0.0.1") -> Iterator[Site]:
    """A server at an address of this machine, known by that and as localhost."""
    authority = Authority(root)
    authority.ensure()
    hosts = [f"IP:{host}", "DNS:localhost"]
    issued = authority.issue("web", subject="/CN=web", hosts=hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(Asked(path=self.path, headers=dict(self.headers)))
            found.pages.get(self.path, status(404))(self)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Silent."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no news here."""

    running = Server((host, 0), Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    found = Site(host=host, port=running.server_port, authority=authority.certificate)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def answer(
    request: Request,
    code: int,
    body: bytes = b"",
    *,
    length: int | str | None = None,
    **headers: str,
) -> None:
    """Send one answer; `_` in a header's name is a hyphen, `length` what it says of itself."""
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


def status(code: int, **headers: str) -> Handle:
    """Always answers so, without a body."""
    return lambda request: answer(request, code, b"", **headers)


def moved(location: str, code: int = 302) -> Handle:
    """Redirects."""
    return status(code, Location=location)


def plain(data: bytes, **headers: str) -> Handle:
    """A file on a server that knows no ranges."""
    return lambda request: answer(request, 200, data, **headers)


@dataclass
class File:
    """A file on a server that knows ranges and `If-Range`.

    `cut` is how many bytes of an answer are sent before the connection breaks, one entry an answer
    that has more; answers after these are whole.
    """

    data: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    cut: list[int] = field(default_factory=list)

    def __call__(self, request: Request) -> None:
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        validator = request.headers.get("If-Range")
        fresh = validator is None or validator in self.headers.values()
        if asked is None or not fresh:
            answer(request, 200, self.data, **self.headers)
            return
        if not self.data:
            answer(request, 416, Content_Range="bytes */0")
            return
        start, end = int(asked[1]), min(int(asked[2]), len(self.data) - 1)
        body = self.data[start : end + 1]
        sent = body[: self.cut.pop(0)] if self.cut and len(body) > 1 else body
        told = f"bytes {start}-{end}/{len(self.data)}"
        answer(request, 206, sent, length=len(body), Content_Range=told, **self.headers)
        request.close_connection = len(sent) < len(body)
