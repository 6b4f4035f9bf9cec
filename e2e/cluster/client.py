"""A few JSON requests to an API server, before any client tool or library is there.

Used by the boot itself (readiness, objects that the cluster needs) and by the test control plane.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.cluster.certificates import Authority, Certificate

APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
MANAGER = "modelservice-dev"


class Refused(Exception):  # noqa: N818 - an answer, not a fault of this program
    """The API server answered with an error status."""

    def __init__(self, status: int, *, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Client:
    """Requests to `https://host:port` with a client certificate."""

    host: str
    port: int
    authority: Authority
    identity: Certificate

    @property
    def address(self) -> str:
        return f"https://{self.host}:{self.port}"

    def text(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> str:
        """The answer's body. Raises Refused on an error status, OSError where nobody answers."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self.identity.certificate, self.identity.key)
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout, context=context
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, body=payload, headers={"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.address}{path}: {error!r}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, message=answer)
        return answer

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at `path`; None where there is none."""
        try:
            found: dict[str, Any] = json.loads(self.text("GET", path))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def apply(self, path: str, *, body: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply of `body` to `path`, forced."""
        query = f"{path}?fieldManager={MANAGER}&force=true"
        applied: dict[str, Any] = json.loads(
            self.text("PATCH", query, body=body, content_type=APPLY)
        )
        return applied

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return self.text("GET", "/readyz", timeout=2.0) == "ok"
        except (OSError, Refused):
            return False


def eventually(
    condition: Callable[[], bool],
    *,
    seconds: float,
    interval: float = 0.05,
    failed: Callable[[], bool] = lambda: False,
) -> bool:
    """Wait until `condition` holds; False after `seconds`, or as soon as `failed` says so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if failed() or time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
