"""An S3 server of one's own: the one of the development cluster, as a plain process."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import tools
from e2e.cluster.client import eventually

HOST = "127.0.0.1"
READY = 10.0


@contextmanager
def running(root: Path, *, access: str, secret: str) -> Iterator[str]:
    """Run it with its files below `root`, the bucket `models` among them; its endpoint."""
    for folder in ("iam", "versions", "data/models"):
        (root / folder).mkdir(parents=True)
    with socket.socket() as one:
        one.bind((HOST, 0))
        port = one.getsockname()[1]
    server = subprocess.Popen(
        [
            str(tools.binary("versitygw")),
            *("--port", f"{HOST}:{port}", "--access", access, "--secret", secret, "--quiet"),
            *("--iam-dir", str(root / "iam")),
            *("posix", "--versioning-dir", str(root / "versions"), str(root / "data")),
        ],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            return False
        return True

    try:
        if not eventually(answers, seconds=READY, failed=lambda: server.poll() is not None):
            raise TimeoutError("the S3 server did not start")
        yield f"http://{HOST}:{port}"
    finally:
        server.kill()
        server.wait()
