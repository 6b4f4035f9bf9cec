"""The user of a plan: writes past the proxy, straight to the API server.

A write returns when the history has seen it, so that what is asked of `objects` afterwards is not
answered by what was there before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from e2e.cluster.client import Refused
from e2e.faults.history import History
from e2e.faults.kinds import FOLLOWED, WRITABLE
from e2e.faults.record import Manifest
from e2e.faults.target import APPLY
from e2e.faults.upstream import Upstream
from e2e.faults.workload import Objects

MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
FIELD_MANAGER: Final = {"fieldManager": "kubectl"}
_FOLLOWED: Final = frozenset(kind.kind for kind in FOLLOWED)

Restart = Callable[[Manifest | None], Awaitable[None]]


class PlanUser:
    """See `workload.User`, which it is."""

    def __init__(self, *, upstream: Upstream, history: History, restart: Restart) -> None:
        self._upstream = upstream
        self._history = history
        self._restart = restart

    @property
    def namespace(self) -> str:
        return self._history.namespace

    @property
    def objects(self) -> Objects:
        return self._history.objects

    async def create(self, manifest: Manifest) -> Manifest:
        kind = WRITABLE[manifest["kind"]]
        answer = await self._upstream.json(
            "POST", kind.collection(self.namespace), query=FIELD_MANAGER, body=self._here(manifest)
        )
        return await self._seen(kind.kind, answer=answer)

    async def apply(self, manifest: Manifest, *, manager: str = "kubectl") -> Manifest:
        answer = await self._upstream.json(
            "PATCH",
            self._path(manifest["kind"], manifest["metadata"]["name"]),
            query={"fieldManager": manager, "force": "true"},
            body=self._here(manifest),
            content_type=APPLY,
        )
        return await self._seen(manifest["kind"], answer=answer)

    async def patch(
        self, kind: str, name: str, patch: Manifest | list[Any], *, subresource: str = ""
    ) -> Manifest:
        answer = await self._upstream.json(
            "PATCH",
            self._path(kind, name, subresource=subresource),
            query=FIELD_MANAGER,
            body=patch,
            content_type=JSON_PATCH if isinstance(patch, list) else MERGE,
        )
        return await self._seen(kind, answer=answer)

    async def scale(self, name: str, replicas: int) -> Manifest:
        patch = {"spec": {"replicas": replicas}}
        return await self.patch("ModelService", name, patch, subresource="scale")

    async def delete(self, kind: str, name: str, *, propagation: str = "Background") -> None:
        before = self._uid(kind, name)
        try:
            await self._upstream.json(
                "DELETE", self._path(kind, name), query={"propagationPolicy": propagation}
            )
        except Refused as refused:
            if refused.status != 404:
                raise
        if before:
            await self._history.until(lambda _: self._uid(kind, name) != before)

    async def restart_operator(self, *, platform: Manifest | None = None) -> None:
        await self._restart(platform)

    async def until(self, condition: Callable[[Objects], bool]) -> None:
        await self._history.until(condition)

    async def _seen(self, kind: str, *, answer: Manifest) -> Manifest:
        key = (kind, answer["metadata"]["name"])
        version = int(answer["metadata"]["resourceVersion"])
        if kind in _FOLLOWED:
            await self._history.until(lambda _: self._history.versions.get(key, 0) >= version)
        return answer

    def _uid(self, kind: str, name: str) -> str:
        """Of an object that nobody has deleted yet; empty where there is none."""
        metadata = self.objects.get((kind, name), {}).get("metadata", {})
        return "" if "deletionTimestamp" in metadata else str(metadata.get("uid", ""))

    def _path(self, kind: str, name: str, *, subresource: str = "") -> str:
        return WRITABLE[kind].path(namespace=self.namespace, name=name, subresource=subresource)

    def _here(self, manifest: Manifest) -> Manifest:
        kind = WRITABLE[manifest["kind"]]
        metadata = {**manifest["metadata"], "namespace": self.namespace}
        return {"apiVersion": kind.api_version, **manifest, "metadata": metadata}
