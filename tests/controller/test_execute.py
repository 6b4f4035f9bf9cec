"""What the answers to deletions mean for what the store holds."""

from __future__ import annotations

from typing import Any

from modelservice_operator.controller.delta import Apply, Change, Delete
from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.errors import Conflict, NotFound
from modelservice_operator.kube.kinds import Kind
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


class Changed(Denying):
    """A Deployment that has changed since; what is deleted is written down."""

    def __init__(self, *, version: str = "31") -> None:
        super().__init__(delete=Conflict)
        self.deleted: list[str] = []
        self._version = version

    async def delete(self, kind: Kind, *, version: str | None = None, **_: Any) -> dict[str, Any]:
        if version is not None and version != self._version:
            raise self._error
        self.deleted.append(kind.kind)
        return {}

    async def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        return deployment(version=self._version)


def deployment(*, version: str) -> dict[str, Any]:
    metadata = {**JOB["metadata"], "name": "digits-1", "uid": "d1", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"replicas": 2}}


def old_revision(*, version: str) -> Change:
    found = Delete(
        kind="Deployment", name="digits-1", namespace="default", uid="d1", version=version
    )
    config = Delete(kind="ConfigMap", name="digits-1", namespace="default", uid="c1")
    return Change(deletes=(config, found))


async def test_a_deployment_that_has_changed_is_judged_anew_before_it_goes() -> None:
    """Its pods became ready meanwhile, and nothing else served."""
    store, server = filled(), Changed()
    store.put("Deployment", deployment(version="30"))
    executor = Executor(client=server, writer=server, store=store)  # type: ignore[arg-type]

    outcome = await executor.execute(old_revision(version="30"))
    assert (outcome.behind, outcome.complete, server.deleted) == (True, False, [])
    assert store.version("d1") == "31"

    outcome = await executor.execute(old_revision(version="31"))
    assert (outcome.complete, server.deleted) == (True, ["Deployment", "ConfigMap"])


class Taken:
    """The name of a first write is taken by what the operator of before wrote."""

    def __init__(self) -> None:
        self.applied: list[dict[str, Any]] = []

    async def create_applied(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise Conflict("it exists", kind="Deployment")

    async def apply(self, *_: Any, manifest: dict[str, Any], **__: Any) -> dict[str, Any]:
        self.applied.append(manifest)
        return manifest

    async def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        return deployment(version="31")


async def test_a_first_write_that_meets_our_own_object_is_planned_anew() -> None:
    """A stale list did not have it: two pods that served were one again."""
    store, server = filled(), Taken()
    executor = Executor(client=server, writer=server, store=store)  # type: ignore[arg-type]
    manifest = {"kind": "Deployment", **deployment(version="1"), "spec": {"replicas": 1}}
    first = Apply(manifest=manifest, stage=1, mode="apply", exists=False, uid=None)
    later = Delete(kind="Job", name="digits-train", namespace="default", uid="j1")

    outcome = await executor.execute(Change(applies=(first,), deletes=(later,)))
    assert (outcome.behind, server.applied) == (True, [])
    assert store.version("d1") == "31"
