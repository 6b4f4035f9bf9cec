"""The only way to change an object: a fenced write under our field manager.

Children and status are applied whole (server-side apply). The first apply of a child is made for
an object that must not exist (docs/decisions/0002-first-write.md); later ones carry its uid.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from modelservice_operator.api import names
from modelservice_operator.kube.client import APPLY, Client, Manifest
from modelservice_operator.kube.kinds import Kind

# No object has this version: it is what etcd has before its first write. An apply that asks for it
# creates, or is told that another object is there (409); it never merges into that one.
ABSENT: Final = "1"

_QUERY: Final = {"fieldManager": names.MANAGER}
_FORCED: Final = {"fieldManager": names.MANAGER, "force": "true"}


class Fence(Protocol):
    """Who may write now."""

    def check(self) -> None:
        """Raises Fenced where this replica may not."""


class Writer:
    """Writes of one replica, each of them refused once the fence is up."""

    def __init__(self, client: Client, *, fence: Fence) -> None:
        self._client = client
        self._fence = fence

    async def create_applied(self, kind: Kind, *, manifest: Manifest) -> Manifest:
        """Server-side apply of an object that must not exist. Conflict where one does."""
        return await self._apply(kind, manifest=manifest, query=_QUERY, resourceVersion=ABSENT)

    async def apply(self, kind: Kind, *, manifest: Manifest, uid: str) -> Manifest:
        """Forced apply of the object that has this uid. Conflict where it was made again."""
        return await self._apply(kind, manifest=manifest, query=_FORCED, uid=uid)

    async def create(self, kind: Kind, *, manifest: Manifest) -> Manifest:
        """POST of an object that is written once. AlreadyExists where its name is taken."""
        self._fence.check()
        path = kind.collection(manifest["metadata"]["namespace"])
        return await self._client.request("POST", path, kind=kind.kind, body=manifest, query=_QUERY)

    async def delete(
        self,
        kind: Kind,
        *,
        namespace: str,
        name: str,
        uid: str,
        version: str | None = None,
        propagation: str,
    ) -> Manifest:
        """Delete the object that has this uid (and this resourceVersion).

        NotFound or Conflict where it is gone, Conflict where it has changed.
        """
        self._fence.check()
        path = kind.path(namespace=namespace, name=name)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, **({"resourceVersion": version} if version else {})},
            "propagationPolicy": propagation,
        }
        return await self._client.request("DELETE", path, kind=kind.kind, body=body)

    async def apply_status(
        self, kind: Kind, *, namespace: str, name: str, version: str, status: Manifest
    ) -> Manifest:
        """The one write to a user's object, as long as it has this resourceVersion; else Conflict.

        NB: a uid would not do. The API server ignores it in an apply to a custom resource's
        /status, and would give a service that was made again the status of the one before.
        """
        self._fence.check()
        body: dict[str, Any] = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": version},
            "status": status,
        }
        path = kind.path(namespace=namespace, name=name, subresource="status")
        return await self._client.request(
            "PATCH", path, kind=kind.kind, body=body, query=_FORCED, content_type=APPLY
        )

    async def _apply(
        self, kind: Kind, *, manifest: Manifest, query: dict[str, str], **metadata: str
    ) -> Manifest:
        self._fence.check()
        own = manifest["metadata"]
        body = {**manifest, "metadata": {**own, **metadata}}
        path = kind.path(namespace=own["namespace"], name=own["name"])
        return await self._client.request(
            "PATCH", path, kind=kind.kind, body=body, query=query, content_type=APPLY
        )
