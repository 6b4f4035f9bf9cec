"""A real S3 server for tests, with Secrets as the kubelet mounts them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import S3Store

from e2e.rig import s3 as server
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.storage import Storage

ACCESS, SECRET = "someone", "a-secret-nobody-may-see"
LOOPBACK = Network(allow_loopback=True)


@dataclass(frozen=True)
class S3:
    """A running server with the bucket `models`, and Secrets as the kubelet mounts them."""

    endpoint: str
    secrets: Path

    def secret(self, name: str = "good", **values: str | None) -> Path:
        """A mounted Secret; a value None leaves the key out."""
        content: dict[str, str | None] = {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.endpoint,
            **values,
        }
        folder = self.secrets / name
        folder.mkdir(exist_ok=True)
        for key, value in content.items():
            if value is not None:
                (folder / key).write_text(value)
        return folder

    def open(self, uri: str, *, credentials: Path | None = None) -> Storage:
        return Storage.open(uri, credentials=credentials or self.secret(), network=LOOPBACK)

    def put(self, key: str, data: bytes) -> str:
        """Write an object beside our own code; its URI."""
        store = S3Store(
            "models",
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=ACCESS,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )
        obstore.put(store, key, data)
        return f"s3://models/{key}"


@contextmanager
def running(root: Path) -> Iterator[str]:
    """Run the server on a free port, with its files below `root`; its endpoint."""
    with server.running(root, access=ACCESS, secret=SECRET) as endpoint:
        yield endpoint


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
