"""Where everything that is seen of the cluster comes in: trim, store, enqueue. Nothing else.

Called for watch events and for the items of lists alike. It awaits nothing and decides nothing.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from modelservice_operator.api import names
from modelservice_operator.controller.queue import Lane
from modelservice_operator.controller.store import Store
from modelservice_operator.view import Key

# What usually means new children. All else mostly moves a status.
_NORMAL: Final = frozenset({names.KIND_SERVICE, names.KIND_VERSION})


# A pod, its Deployment and the pod's next step come shortly after each other: one run for them.
TOGETHER: Final = 0.1


class Enqueue(Protocol):
    def __call__(self, key: Key, *, lane: Lane, delay: float = 0.0) -> None:
        """Ask for a reconcile, after `delay` seconds."""


class Observer:
    """Fills a store and asks for the reconciles that follow."""

    def __init__(self, *, store: Store, enqueue: Enqueue) -> None:
        self._store = store
        self._enqueue = enqueue

    def seen(self, kind: str, obj: dict[str, Any], *, listed: bool = False) -> None:
        """An object as it is now (or was a while ago: the store knows which is newer)."""
        for key in self._store.put(kind, obj, listed=listed):
            self._ask(kind, key=key)

    def gone(self, kind: str, *, uid: str, version: str) -> None:
        """An object that is no more, or not in our selection, since this version."""
        key = self._store.lose(uid, version=version)
        if key is not None:
            self._ask(kind, key=key)

    def _ask(self, kind: str, *, key: Key) -> None:
        if kind in _NORMAL:
            self._enqueue(key, lane=Lane.NORMAL)
        else:
            self._enqueue(key, lane=Lane.SHORT, delay=TOGETHER)
