"""Triton's interface, as far as the agent needs it: health, loading, metrics.

Triton runs in the same pod. It may be absent at any moment (it starts after the agent, and may
crash), which is a state and not an error: every call says so in its answer.

Loading goes over gRPC: over HTTP Triton keeps a server thread for as long as the load takes, and
every connection that this thread has, a user's or a probe's, stands still with it.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

# The flag of Triton names the header without this prefix, which it adds for gRPC by itself.
KEY_HEADER = "triton-grpc-protocol-x-modelservice-key"

_PROBE = aiohttp.ClientTimeout(total=2)
_MESSAGE_CHARACTERS = 500


class LoadError(Exception):
    """Triton would not load a model; the text is its reason, fit for a log and a status."""


class TritonAway(Exception):  # noqa: N818  # a state, not an error
    """Nothing answers at Triton's port."""


@dataclass(frozen=True)
class Triton:
    """One Triton server. `key` is the file with the value that opens its repository API.

    The session must not keep connections: Triton waits for open ones before it exits.
    """

    session: aiohttp.ClientSession
    url: str
    grpc: str
    metrics_url: str
    key: Path

    async def live(self) -> bool:
        """Whether the server answers."""
        return await self._ok(f"{self.url}/v2/health/live")

    async def ready(self, model: str, *, version: int) -> bool:
        """Whether this version of the model answers requests."""
        return await self._ok(f"{self.url}/v2/models/{model}/versions/{version}/ready")

    async def load(self, model: str) -> None:
        """Load the model as its `config.pbtxt` says and wait for it.

        Raises `LoadError` with Triton's reason, `TritonAway` when Triton goes away meanwhile.
        """
        async with self._repository() as (client, headers):
            await client.load_model(model, headers=headers)

    async def unload(self, model: str) -> None:
        """Unload all versions of the model; what is in flight ends first.

        Raises as `load` does. A model that is not loaded is no error.
        """
        async with self._repository() as (client, headers):
            await client.unload_model(model, headers=headers)

    async def metrics(self) -> str | None:
        """Triton's metrics in Prometheus' text format; None while it is away."""
        try:
            async with self.session.get(self.metrics_url, timeout=_PROBE) as answer:
                return await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    @asynccontextmanager
    async def _repository(self) -> AsyncIterator[tuple[InferenceServerClient, dict[str, str]]]:
        """A client of the restricted repository API, and the headers that open it."""
        try:
            # Read each time: the file is there before Triton is, but not before this agent.
            key = _secret(self.key)
        except FileNotFoundError:
            raise LoadError(f"{self.key} is missing: the fetch container has not run") from None
        # A channel of its own: a kept one waits up to two minutes to connect to a new Triton.
        async with InferenceServerClient(self.grpc) as client:
            try:
                yield client, {KEY_HEADER: key}
            except InferenceServerException as error:
                if not await self.live():
                    raise TritonAway from None
                raise LoadError(_scrubbed(error.message() or "", secret=key)) from None

    async def _ok(self, url: str) -> bool:
        try:
            async with self.session.get(url, timeout=_PROBE) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def _secret(path: Path) -> str:
    return path.read_text()


def _scrubbed(text: str, *, secret: str) -> str:
    """The message without our key, without Python's traceback, on one line, bounded."""
    text = text.replace(secret, "…").partition("\n\nAt:\n")[0]
    return re.sub(r"\s+", " ", text).strip()[:_MESSAGE_CHARACTERS]
