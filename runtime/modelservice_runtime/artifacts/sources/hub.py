"""`hf://org/repo[@revision]/path`: a file of a Hugging Face repository, or of a mirror of the hub.

The hub answers with a redirect to where the bytes are, and says of which commit they are. What a
check finds is pinned to that commit, so that pods that start later ask for the same, wherever the
branch has gone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from modelservice_runtime.artifacts.guard import NOBODY
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.https import WebSource
from modelservice_runtime.artifacts.sources.keys import Keys
from modelservice_runtime.artifacts.sources.web import Web
from modelservice_runtime.failure import Failure, Reason

HUB: Final = "https://huggingface.co"
TOKEN: Final = "HF_TOKEN"  # noqa: S105 - the name of a key
_URI: Final = re.compile(
    r"hf://(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?/(?P<path>.+)", re.ASCII
)
_SAFE: Final = "/!*()=+@:,~$&;"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


class HubSource(WebSource):
    """A file of a repository."""

    def pin(self) -> str | None:
        """The commit that the hub said the file is of; None where it did not, or nobody asked."""
        for head in self._located.heads if self._located is not None else ():
            commit = head.get("X-Repo-Commit", "")
            if _COMMIT.fullmatch(commit):
                return commit
        return None


def open_hub(uri: str, *, credentials: Path | None, network: Network, endpoint: str) -> HubSource:
    """The file at an `hf://` address; `endpoint` is the platform's mirror, empty for the hub."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise Failure(
            reason=Reason.SOURCE_NOT_FOUND,
            message=f"{uri} is no address on a hub. Write it as hf://org/repo@revision/model.onnx.",
        )
    keys = Keys.read(credentials, known=(TOKEN,))
    trusted = urlsplit(endpoint).hostname if endpoint else None
    web = Web.of(uri, keys=keys, opens=TOKEN, network=network, trusted=trusted or NOBODY)
    token = keys.get(TOKEN)
    revision = match["revision"] or "main"
    base = (endpoint or HUB).rstrip("/")
    return HubSource(
        web,
        url=f"{base}/{match['repository']}/resolve/{revision}/{quote(match['path'], safe=_SAFE)}",
        authorization=f"Bearer {token}" if token is not None else None,
    )
