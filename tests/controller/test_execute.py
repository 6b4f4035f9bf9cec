"""What the answers to deletions mean for what the store holds."""

from __future__ import annotations

from typing import Any

from modelservice_operator.controller.delta import Change, Delete
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.errors import Conflict, NotFound
from modelservice_operator.view import Key

KEY = Key("default", "digits")
JOB: dict[str, Any] = {
    "metadata": {
        "name": "digits-train",
        "namespace": "default",
        "uid": "j1",
        "resourceVersion": "20",
        "managedFields": [],
        "ownerReferences": [
            {"kind": "ModelService", "name": "digits", "uid": "s1", "controller": True}
        ],
    }
}
SERVICE: dict[str, Any] = {
    "metadata": {"name": "digits", "namespace": "default", "uid": "s1", "resourceVersion": "10"},
    "spec": {},
}
DELETION = Change(deletes=(Delete(kind="Job", name="digits-train", namespace="default", uid="j1"),))


class Denying:
    """A writer and a client of an API server that has just started, and denies what is there."""

    def __init__(self, *, delete: type[Exception] = NotFound) -> None:
        self._error = delete("jobs.batch digits-train not found", kind="Job")

    async def delete(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise self._error

    async def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise NotFound("jobs.batch digits-train not found", kind="Job")


def filled() -> Store:
    store = Store()
    store.put("ModelService", SERVICE)
    store.put("Job", JOB)
    return store


async def deleted(store: Store, *, server: Denying) -> None:
    executor = Executor(client=server, writer=server, store=store)  # type: ignore[arg-type]
    outcome = await executor.execute(DELETION)
    assert outcome.complete
    assert not store.view(KEY).children


async def test_a_child_whose_deletion_is_answered_not_found_comes_back_in_a_list() -> None:
    """One false 404 made it forgotten for ever, and it stayed in the cluster."""
    store = filled()
    await deleted(store, server=Denying())

    assert store.put("Job", JOB) == ()
    assert store.put("Job", JOB, listed=True) == (KEY,)
    assert ("Job", "digits-train") in store.view(KEY).children


async def test_so_does_one_that_is_denied_after_a_conflict() -> None:
    store = filled()
    await deleted(store, server=Denying(delete=Conflict))

    assert store.put("Job", JOB, listed=True) == (KEY,)
