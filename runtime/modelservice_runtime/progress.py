"""What a running program is doing, over HTTP: `/progress` for the operator, `/healthz` for probes.

Training and checking are synchronous programs that are busy for minutes; the answer therefore
comes from one daemon thread of the standard library's server, which reads one immutable value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from modelservice_runtime.failure import Failure

PORT = 8003


@dataclass(frozen=True)
class Progress:
    """One moment of a program. Decimals are strings, as in the API; `None` is left out."""

    phase: str
    epoch: int | None = None
    epochs: int | None = None
    loss: str | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    eta_seconds: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    bytes_per_second: int | None = None
    reason: str | None = None
    message: str | None = None

    @classmethod
    def waiting(cls, failure: Failure) -> Self:
        """The program tries again by itself until the cause of `failure` goes away."""
        return cls(phase="Waiting", reason=str(failure.reason), message=failure.message)

    def to_json(self) -> bytes:
        """The document of `/progress`."""
        document = {
            "phase": self.phase,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "loss": self.loss,
            "metrics": dict(self.metrics) or None,
            "etaSeconds": self.eta_seconds,
            "bytes": self.bytes_done,
            "totalBytes": self.bytes_total,
            "bytesPerSecond": self.bytes_per_second,
            "reason": self.reason,
            "message": self.message,
        }
        return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


class ProgressServer:
    """Serves the latest `Progress` while its `with` block runs."""

    def __init__(self, *, host: str = "", port: int = PORT) -> None:
        self._latest = Progress(phase="Loading")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path:
                    case "/progress":
                        self._answer(HTTPStatus.OK, server.latest.to_json(), "application/json")
                    case "/healthz":
                        self._answer(HTTPStatus.OK, b"ok\n", "text/plain")
                    case _:
                        self._answer(HTTPStatus.NOT_FOUND, b"not found\n", "text/plain")

            def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Probes come every few seconds: not a line each."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        # The poll interval is what the end of the program waits for the server's.
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.1,), name="progress", daemon=True
        )

    @property
    def latest(self) -> Progress:
        """What `/progress` answers now."""
        return self._latest

    @property
    def port(self) -> int:
        """The port that is listened on (interesting when 0 was asked for)."""
        return self._server.server_port

    def publish(self, progress: Progress) -> None:
        """Let `/progress` answer `progress` from now on."""
        self._latest = progress

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
