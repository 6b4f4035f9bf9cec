"""Where everything that is seen of the cluster comes in: trim, store, enqueue. Nothing else.

Called for watch events and for the items of lists alike. It awaits nothing and decides nothing.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from modelservice_operator.api import names
from modelservice_operator.controller.queue import Lane
from modelservice_operator.controller.store import Store
from modelservice_operator.view import Key, VersionKey

Manifest = dict[str, Any]

# A pod, its Deployment and the pod's next step come shortly after each other: one run for them.
TOGETHER: Final = 0.1
# Many services may begin to serve a version shortly after each other: one write tells of them.
SETTLED: Final = 1.0


class Enqueue(Protocol):
    def __call__(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        """Ask for a reconcile, after `delay` seconds."""


class Observer:
    """Fills a store and asks for the reconciles that follow."""

    def __init__(self, *, store: Store, enqueue: Enqueue) -> None:
        self._store = store
        self._enqueue = enqueue

    def seen(self, kind: str, obj: Manifest, *, listed: bool = False) -> None:
        """An object as it is now (or was a while ago: the store knows which is newer)."""
        for key in self._store.put(kind, obj, listed=listed):
            self._ask(key, new=_new(kind, obj=obj))
        self._wake()

    def gone(self, kind: str, *, uid: str, version: str) -> None:
        """An object that is no more, or not in our selection, since this version."""
        key = self._store.lose(uid, version=version)
        if key is not None:
            self._ask(key, new=kind in {names.KIND_SERVICE, names.KIND_VERSION})
        self._wake()

    def _wake(self) -> None:
        """Ask for those whom objects of others concern."""
        for key in self._store.woken():
            if isinstance(key, VersionKey):
                self._enqueue(key, lane=Lane.SHORT, delay=SETTLED)
            else:
                self._enqueue(key, lane=Lane.NORMAL)

    def _ask(self, key: Key, *, new: bool) -> None:
        if new:
            self._enqueue(key, lane=Lane.NORMAL)
        else:
            self._enqueue(key, lane=Lane.SHORT, delay=TOGETHER)


def _new(kind: str, *, obj: Manifest) -> bool:
    """Whether an object usually means new children. All else mostly moves a status.

    NB: a service whose status is of its spec is not new. The event of our own status write may
    come before the answer to it, and its Ready would wait behind all that is created meanwhile.
    """
    if kind != names.KIND_SERVICE:
        return kind == names.KIND_VERSION
    status = obj.get("status") or {}
    return bool(status.get("observedGeneration") != obj["metadata"].get("generation"))
