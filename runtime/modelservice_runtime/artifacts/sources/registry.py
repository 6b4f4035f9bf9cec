"""`oci://registry/repository:tag` (or `@sha256:…`): a file in a registry of images.

    manifest (its digest is computed, and compared where one was asked for) → the layer that holds
    the file → the blob, whose size and digest must be the layer's

The manifest's digest is the pin: what a tag means is decided by the check, and not by every pod.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.https import WebSource
from modelservice_runtime.artifacts.sources.keys import PASSWORD, USERNAME, Keys
from modelservice_runtime.artifacts.sources.pulling import DOCKER, Challenge, login
from modelservice_runtime.artifacts.sources.remote import Located, RemoteFile
from modelservice_runtime.artifacts.sources.web import Session, Web
from modelservice_runtime.failure import Failure, Reason

MANIFEST_LIMIT: Final = 4 * 1024 * 1024  # bytes, as registries themselves have it
TOKEN_LIMIT: Final = 64 * 1024
TITLE: Final = "org.opencontainers.image.title"
ACCEPT: Final = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_URI: Final = re.compile(
    r"oci://(?P<host>[^/]+)/(?P<repository>[a-z0-9._/-]+)"
    r"(:(?P<tag>\w[\w.-]{0,127})|@(?P<digest>sha256:[0-9a-f]{64}))(#(?P<title>.+))?",
    re.ASCII,
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HUB: Final = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True)
class Reference:
    """What an `oci://` address names. `title` None: the only file there is."""

    host: str
    repository: str
    reference: str
    title: str | None

    @classmethod
    def parse(cls, uri: str) -> Reference:
        """From the address; `SourceNotFound` where it is none."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise Failure(
                reason=Reason.SOURCE_NOT_FOUND,
                message=f"{uri} is no address in a registry. Write it as "
                "oci://registry/repository:tag or oci://registry/repository@sha256:….",
            )
        repository = match["repository"]
        if match["host"] == "docker.io" and "/" not in repository:
            repository = f"library/{repository}"
        return cls(
            host=match["host"],
            repository=repository,
            reference=match["digest"] or match["tag"],
            title=match["title"],
        )

    def url(self, kind: str, what: str) -> str:
        """The address of a manifest or a blob."""
        host = _HUB.get(self.host, self.host)
        return f"https://{host}/v2/{self.repository}/{kind}/{what}"


@dataclass(frozen=True)
class Layer:
    """A blob as a manifest announces it; `size` in bytes."""

    digest: str
    size: int
    title: str | None


class RegistrySource(WebSource):
    """One file of an artifact; `login` is a header of basic authentication."""

    def __init__(self, web: Web, *, at: Reference, login: str | None) -> None:
        super().__init__(web, url=at.url("manifests", at.reference), authorization=None)
        self._at = at
        self._login = login
        self._challenge: Challenge | None = None
        self._manifest: str | None = None
        self._layer: Layer | None = None

    def pin(self) -> str | None:
        """The digest of the manifest; None before anybody looked."""
        return self._manifest

    async def _open(self, session: Session) -> RemoteFile:
        await self._renew(session)
        if self._layer is None:
            digest, manifest = await self._read(session, reference=self._at.reference)
            if "manifests" in manifest:
                only = self._only(manifest["manifests"])
                _, manifest = await self._read(session, reference=only)
            self._layer = self._chosen(manifest.get("layers"))
            self._manifest = digest
        layer = self._layer
        self.expected = layer.digest

        async def renew() -> None:
            await self._renew(session)

        return RemoteFile(session, url=self._at.url("blobs", layer.digest), renew=renew)

    async def _locate(self, file: RemoteFile) -> Located:
        located = await super()._locate(file)
        if self._layer is not None and located.size != self._layer.size:
            raise self._web.unfit("has a blob of another size than its manifest says")
        return located

    async def _renew(self, session: Session) -> None:
        """Get what opens the registry, as it asked for it; nothing where it did not ask yet."""
        challenge = self._challenge
        if challenge is None:
            return
        if not challenge.bearer:
            session.authorize(self._url, header=self._login)
            return
        scope = f"repository:{self._at.repository}:pull"
        query = urlencode({"service": challenge.service, "scope": scope})
        realm = f"{challenge.realm}{'&' if '?' in challenge.realm else '?'}{query}"
        session.authorize(realm, header=self._login)
        async with session.get(realm) as answer:
            if answer.status != 200:
                raise self._web.failure(answer.status)
            told = self._parsed(await session.body(answer, limit=TOKEN_LIMIT))
        session.authorize(realm, header=None)
        token = told.get("token") or told.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise self._web.unfit("gives no token")
        session.authorize(self._url, header=f"Bearer {token}")

    async def _read(self, session: Session, *, reference: str) -> tuple[str, Mapping[str, Any]]:
        """A manifest and its digest. A registry that asks for credentials is given them, once."""
        url = self._at.url("manifests", reference)
        while True:
            async with session.get(url, headers={"Accept": ACCEPT}) as answer:
                if answer.status == 200:
                    body = await session.body(answer, limit=MANIFEST_LIMIT)
                    return self._verified(body, reference=reference)
                if answer.status == 401 and self._challenge is None:
                    self._challenge = Challenge.parse(answer.headers.get("WWW-Authenticate", ""))
                    asked = self._challenge is not None
                else:
                    asked = False
            if not asked:
                raise self._web.failure(answer.status)
            await self._renew(session)

    def _verified(self, body: bytes, *, reference: str) -> tuple[str, Mapping[str, Any]]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise self._web.unfit("sends another manifest than the one of the digest")
        return digest, self._parsed(body)

    def _parsed(self, body: bytes) -> Mapping[str, Any]:
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise self._web.unfit("does not answer as a registry does")
        return told

    def _only(self, manifests: object) -> str:
        """The digest of the one manifest of an index."""
        found = manifests if isinstance(manifests, list) else []
        digest = found[0].get("digest") if found and isinstance(found[0], dict) else None
        if len(found) != 1 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise self._missing(
                f"is an index of {len(found)} manifests. Name one by its digest: @sha256:…."
            )
        return digest

    def _chosen(self, layers: object) -> Layer:
        """The layer of the file that the address names."""
        found = [_layer(one) for one in layers] if isinstance(layers, list) else []
        known = [one for one in found if one is not None]
        if not known or len(known) < len(found):
            raise self._missing("holds no files. Push one, as with oras push.")
        title = self._at.title
        chosen = known if title is None else [one for one in known if one.title == title]
        if len(chosen) == 1:
            return chosen[0]
        if title is not None:
            raise self._missing("has no file, or several, of the name after '#'. Correct it.")
        raise self._missing(
            f"has {len(known)} files. Name one in source.uri, by its title after '#': …#model.onnx."
        )

    def _missing(self, what: str) -> Failure:
        return Failure(reason=Reason.SOURCE_NOT_FOUND, message=f"{self.uri} {what}")


def open_registry(uri: str, *, credentials: Path | None, network: Network) -> RegistrySource:
    """The file at an `oci://` address."""
    at = Reference.parse(uri)
    keys = Keys.read(credentials, known=(DOCKER, USERNAME, PASSWORD))
    opens = f"{DOCKER}, or {USERNAME} and {PASSWORD},"
    web = Web.of(uri, keys=keys, opens=opens, network=network)
    return RegistrySource(web, at=at, login=login(keys, host=at.host))


def _layer(told: object) -> Layer | None:
    if not isinstance(told, dict):
        return None
    digest, size = told.get("digest"), told.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return None
    notes = told.get("annotations")
    title = notes.get(TITLE) if isinstance(notes, dict) else None
    return Layer(digest=digest, size=size, title=title if isinstance(title, str) else None)
