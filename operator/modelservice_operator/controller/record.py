"""One pass over one ModelVersion: who serves it is written into its status, if it changed.

The only writer of a version's status. Who serves it follows from the store's revisions, so nothing
is read, changed and written back: two services that come at the same time are both told.
"""

from __future__ import annotations

import logging

from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.errors import Conflict, NotFound
from modelservice_operator.kube.kinds import MODEL_VERSION
from modelservice_operator.status.usage import tells, usage
from modelservice_operator.view import VersionKey

log = logging.getLogger(__name__)


class Recorder:
    """`await recorder(key)` brings one version's status up to date."""

    def __init__(self, *, store: Store, executor: Executor) -> None:
        self._store = store
        self._executor = executor

    async def __call__(self, key: VersionKey) -> float | None:
        found = self._store.published(key)
        if found is None:
            return None
        version, users = found
        if tells(version["status"], users=users):
            return None
        try:
            await self._executor.apply_status(MODEL_VERSION, obj=version, status=usage(users))
        except NotFound:
            self._store.release(version["metadata"]["uid"])
        except Conflict:
            return 0.0  # it changed meanwhile, and the store has it
        else:
            log.info("the use of a version was written", extra={"key": key, "users": len(users)})
        return None
