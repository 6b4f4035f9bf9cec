"""The one client: JSON objects in and out, over `kubernetes.aio`'s connection.

It never retries: what to do about an error is the caller's decision, and pauses are the queue's.
Nothing above `kube/` writes with it; see `apply`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from modelservice_operator.kube.errors import Unavailable, error_of
from modelservice_operator.kube.kinds import Kind

Manifest = dict[str, Any]
# (verb, kind, HTTP status or 0, seconds) of each request
Meter = Callable[[str, str, int, float], None]

# A page of Deployments as dicts is some 70 kB a piece, and what it took stays with the process.
PAGE: Final = 100
TIMEOUT: Final = 30.0
JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML
_VERBS: Final = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "apply"}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `resource_version` is the list's own, the same in all of its pages."""

    items: list[Manifest]
    resource_version: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: bytes
    retry_after: str | None


class Client:
    """Requests to one API server. Use `connect`, and `close` at the end."""

    def __init__(
        self, configuration: Configuration, *, user_agent: str, meter: Meter | None = None
    ) -> None:
        # Without this, aiohttp looks up proxy settings and ~/.netrc for each request: half of
        # the throughput.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.retries = None
        self._configuration = configuration
        self._rest = RESTClientObject(configuration)
        self._user_agent = user_agent
        self._meter = meter

    @classmethod
    async def connect(
        cls, *, kubeconfig: str | None, user_agent: str, meter: Meter | None = None
    ) -> Client:
        """A client from a kubeconfig; without one, from the pod's service account.

        With neither, `$KUBECONFIG` or ~/.kube/config is used, as kubectl does.
        """
        configuration = Configuration()
        if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            path = kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config"
            await config.load_kube_config(
                config_file=str(path), client_configuration=configuration, persist_config=False
            )
        return cls(configuration, user_agent=user_agent, meter=meter)

    @property
    def server(self) -> str:
        """`https://host:port` of the API server."""
        return str(self._configuration.host)

    async def close(self) -> None:
        await self._rest.close()

    def open_session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """A new session with this client's identity, for the watch engine, which closes it."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._rest.ssl_context),
            headers={"User-Agent": self._user_agent},
            middlewares=(self._authorize, *middlewares),
            trust_env=False,
            read_bufsize=2**21,
        )

    async def get(self, kind: Kind, *, namespace: str, name: str) -> Manifest:
        return await self.request("GET", kind.path(namespace=namespace, name=name), kind=kind.kind)

    async def pages(self, kind: Kind) -> AsyncIterator[Page]:
        """All objects of a kind that its selector admits, `PAGE` at a time.

        Raises Expired where the API server no longer knows the version that the first page had.
        """
        query = {"limit": str(PAGE)}
        if kind.selector is not None:
            query["labelSelector"] = kind.selector
        while True:
            answer = await self.request("GET", kind.collection(), kind=kind.kind, query=query)
            metadata = answer["metadata"]
            yield Page(answer.get("items") or [], metadata["resourceVersion"])
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    async def ready(self) -> bool:
        """Whether the API server says that it has started up: caches filled, rights known."""
        try:
            answer = await self._send("GET", "/readyz", kind="", body=None, content_type=JSON)
        except Unavailable:
            return False
        return answer.status == 200

    async def request(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        body: Manifest | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        within: float = TIMEOUT,
    ) -> Manifest:
        """The answer's object, `within` so many seconds. Raises a class of `errors`, by meaning."""
        if query:
            path = f"{path}?{urlencode(query)}"
        answer = await self._send(
            method, path, kind=kind, body=body, content_type=content_type, within=within
        )
        if answer.status < 400:
            return _parsed(answer.text, kind=kind, status=answer.status)
        raise error_of(
            answer.status,
            body=_status_of(answer.text),
            kind=kind,
            retry_after=answer.retry_after,
        )

    async def _send(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        body: Manifest | None,
        content_type: str,
        within: float = TIMEOUT,
    ) -> _Answer:
        began = time.monotonic()
        status = 0
        try:
            headers = {"Content-Type": content_type, "User-Agent": self._user_agent}
            headers |= await self._authorization()
            response = await self._rest.request(
                method,
                self.server + path,
                headers=headers,
                body=body,
                _request_timeout=aiohttp.ClientTimeout(total=within),
            )
            text = await response.read()
            status = response.status
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise Unavailable(f"{type(error).__name__}: {error}", kind=kind) from error
        finally:
            if self._meter is not None:
                verb = _VERBS.get(method, method.lower())
                self._meter(verb, kind, status, time.monotonic() - began)
        return _Answer(status, text, response.headers.get("Retry-After"))

    async def _authorization(self) -> dict[str, str]:
        # Reads a rotated service-account token again at most once a minute.
        token = await self._configuration.get_api_key_with_prefix("BearerToken", "authorization")
        return {"Authorization": token} if token else {}

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers.update(await self._authorization())
        return await handler(request)


def _parsed(text: bytes, *, kind: str, status: int) -> Manifest:
    try:
        answer: Manifest = json.loads(text)
    except ValueError as error:  # cut off, or a proxy's page
        raise Unavailable(f"not JSON: {error}", kind=kind, status=status) from error
    return answer


def _status_of(text: bytes) -> Manifest:
    try:
        body = json.loads(text)
    except ValueError:  # a proxy's page, or a handler that answers in plain text
        return {"message": text[:200].decode(errors="replace").strip()}
    return body if isinstance(body, dict) else {}
