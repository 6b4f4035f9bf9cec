"""Requests to the API server as any user, with what `e2e.cluster.client` leaves out: the warnings
that the API server sends along, and refusals as answers rather than exceptions."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.cluster.certificates import Authority, Certificate

APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
JSON = "application/json"

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """`body` is the object or the Status that came back."""

    status: int
    body: Manifest
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def message(self) -> str:
        """Why it was refused."""
        return str(self.body.get("message", ""))


class UnexpectedError(Exception):
    """A request of the suite itself was refused: the suite or the cluster is broken."""


@dataclass(frozen=True)
class Caller:
    """One user of the API server."""

    host: str
    port: int
    authority: Authority
    identity: Certificate

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """The answer, whatever its status."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self.identity.certificate, self.identity.key)
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=context)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, body=payload, headers={"Content-Type": content_type})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            warnings = tuple(response.headers.get_all("Warning") or ())
        finally:
            connection.close()
        return Answer(response.status, _parsed(text), warnings)

    def get(self, path: str) -> Manifest | None:
        """The object at `path`, None where there is none."""
        answer = self.send("GET", path)
        if answer.status == 404:
            return None
        return _granted(answer, what=f"GET {path}").body

    def items(self, path: str) -> list[Manifest]:
        """The objects of a list."""
        found: list[Manifest] = (self.get(path) or {}).get("items") or []
        return found

    def post(self, path: str, body: Mapping[str, Any]) -> Manifest:
        """Create an object."""
        return _granted(self.send("POST", path, body=body), what=f"POST {path}").body

    def apply(self, path: str, body: Mapping[str, Any], *, manager: str = "user") -> Manifest:
        """Server-side apply, forced."""
        query = f"{path}?fieldManager={manager}&force=true"
        answer = self.send("PATCH", query, body=body, content_type=APPLY)
        return _granted(answer, what=f"apply {path}").body

    def patch(self, path: str, body: Mapping[str, Any]) -> Manifest:
        """Merge patch."""
        answer = self.send("PATCH", path, body=body, content_type=MERGE)
        return _granted(answer, what=f"PATCH {path}").body

    def delete(self, path: str) -> None:
        """Delete an object that may be gone already."""
        answer = self.send("DELETE", path)
        if answer.status != 404:
            _granted(answer, what=f"DELETE {path}")


def _granted(answer: Answer, *, what: str) -> Answer:
    if not answer.ok:
        raise UnexpectedError(f"{what}: {answer.status} {answer.message}")
    return answer


def _parsed(text: str) -> Manifest:
    try:
        body = json.loads(text)
    except ValueError:
        return {"message": text}
    return body if isinstance(body, dict) else {"message": text}
