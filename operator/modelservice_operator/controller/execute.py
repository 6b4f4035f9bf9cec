"""Carries out a change: stage after stage, then what is no longer wanted.

Every answer goes into the store at once, so the next reconcile sees what this one wrote. What the
API server refuses of one object is reported in the outcome and stops later stages, which may build
on it; what says that the server cannot answer now is raised, and the whole run comes back later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from modelservice_operator.api import names
from modelservice_operator.canonical import digest
from modelservice_operator.controller.belonging import controller_of
from modelservice_operator.controller.delta import Apply, Change, Delete, wanted_fields
from modelservice_operator.controller.store import Store
from modelservice_operator.controller.trim import trim
from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
    Unavailable,
)
from modelservice_operator.kube.kinds import BY_NAME, MODEL_VERSION, SERVICE, Kind
from modelservice_operator.view import Manifest

IN_FLIGHT: Final = 8
# Allocating a cluster IP is the API server's slow write: more at a time only queue up there.
CLUSTER_IPS: Final = 4
STATUS_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class NameConflict:
    """A child's name is taken by an object that is not ours; it was left alone."""

    kind: str
    name: str
    owner: str  # who has it, for people


@dataclass(frozen=True, slots=True)
class Rejected:
    """A write that the API server refuses. `heals` as in `kube.errors`."""

    kind: str
    name: str
    reason: str
    message: str
    heals: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a change.

    `taken` names the ModelVersions that other runs have. `behind` says that the change followed
    from a view that is out of date; the store knows better now, and the rest was left undone.
    """

    applied: int = 0
    deleted: int = 0
    conflicts: tuple[NameConflict, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    taken: tuple[str, ...] = ()
    behind: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything was written that should have been."""
        return not (self.conflicts or self.rejected or self.taken or self.behind)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            applied=self.applied + other.applied,
            deleted=self.deleted + other.deleted,
            conflicts=self.conflicts + other.conflicts,
            rejected=self.rejected + other.rejected,
            taken=self.taken + other.taken,
            behind=self.behind or other.behind,
        )


class Executor:
    """Writes for all reconciles of one replica."""

    def __init__(self, *, client: Client, writer: Writer, store: Store) -> None:
        self._client = client
        self._writer = writer
        self._store = store
        self._cluster_ips = asyncio.Semaphore(CLUSTER_IPS)

    async def execute(self, change: Change) -> Outcome:
        """Write a change.

        Raises Fenced, Unavailable, Conflict where the store was behind, NotFound or Terminating
        where the namespace goes.
        """
        outcome = Outcome()
        for _, stage in groupby(change.applies, key=attrgetter("stage")):
            outcome += await _together(partial(self._apply, apply) for apply in stage)
            if not outcome.complete:
                break
        # Also after a refusal: what is deleted is wanted no more, and may be what was in the way.
        # Deployments go first: one that is to stay after all needs what was made for its pods.
        for _, going in groupby(sorted(change.deletes, key=_goes_later), key=_goes_later):
            if outcome.behind:
                break
            outcome += await _together(partial(self._delete, item) for item in going)
        return outcome

    async def lives(self, kind: Kind, *, obj: Manifest) -> bool:
        """Ask the API server whether an object is still there and may have children."""
        metadata = obj["metadata"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        try:
            found = await self._client.get(kind, namespace=namespace, name=name)
        except NotFound:
            self._store.release(uid)
            return False
        self._store.put(kind.kind, found)
        if found["metadata"]["uid"] != uid:
            self._store.forget(uid)
            return False
        self._store.reassure(namespace=namespace, uid=uid)
        return "deletionTimestamp" not in found["metadata"]

    async def apply_status(self, kind: Kind, *, obj: Manifest, status: Manifest) -> None:
        """Write the status of a ModelService or a ModelVersion, which follows from `obj`.

        Raises NotFound where it is gone, and Conflict where it is not what `obj` says any more: the
        store has then what it is.
        """
        metadata = obj["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        version = metadata["resourceVersion"]
        for _ in range(STATUS_ATTEMPTS):
            try:
                answer = await self._writer.apply_status(
                    kind, namespace=namespace, name=name, version=version, status=status
                )
            except Conflict:
                found = await self._client.get(kind, namespace=namespace, name=name)
                self._store.put(kind.kind, found)
                if not _says_the_same(found, obj):
                    raise
                # Somebody wrote a label a moment ago. What we have to say of it is still true.
                version = found["metadata"]["resourceVersion"]
            else:
                self._store.put(kind.kind, answer)
                return
        raise Unavailable(f"{namespace}/{name} is written too often", kind=kind.kind)

    async def _apply(self, apply: Apply) -> Outcome:
        manifest = apply.manifest
        kind = BY_NAME[manifest["kind"]]
        try:
            if not apply.exists:
                return await self._first(kind, apply=apply)
            if apply.uid is None:
                raise ValueError("an object that exists is applied by its uid")
            return await self._again(kind, manifest=manifest, uid=apply.uid)
        except Terminating:
            raise
        except (Invalid, Forbidden) as error:
            return await self._refusal(error, kind=kind, name=manifest["metadata"]["name"])

    async def _first(self, kind: Kind, *, apply: Apply) -> Outcome:
        """The first write of an object: it must not meet another one of its name."""
        manifest = apply.manifest
        try:
            async with self._gate(kind, manifest=manifest):
                if apply.mode == "create":
                    self._store.put(kind.kind, await self._writer.create(kind, manifest=manifest))
                else:
                    answer = await self._writer.create_applied(kind, manifest=manifest)
                    self._take(kind, answer=answer, manifest=manifest)
        except Conflict:
            return await self._met(kind, apply=apply)
        return Outcome(applied=1)

    async def _again(self, kind: Kind, *, manifest: Manifest, uid: str) -> Outcome:
        answer = await self._writer.apply(kind, manifest=manifest, uid=uid)
        self._take(kind, answer=answer, manifest=manifest)
        return Outcome(applied=1)

    async def _met(self, kind: Kind, *, apply: Apply) -> Outcome:
        """The name is taken: by our own object, which the store did not know yet, or by others'."""
        manifest = apply.manifest
        metadata = manifest["metadata"]
        found = await self._client.get(kind, namespace=metadata["namespace"], name=metadata["name"])
        # NB: as from a list. What was denied a while ago is there after all.
        self._store.put(kind.kind, found, listed=True)
        if kind is MODEL_VERSION:
            same = _published_by(found) == _published_by(manifest)
            return Outcome() if same else Outcome(taken=(metadata["name"],))
        owner = controller_of(found["metadata"])
        ours = controller_of(metadata)
        if owner is None or ours is None or owner["uid"] != ours["uid"]:
            conflict = NameConflict(kind.kind, metadata["name"], _described(owner))
            return Outcome(conflicts=(conflict,))
        if apply.mode == "create" or "deletionTimestamp" in found["metadata"]:
            return Outcome()  # written before; or on its way out, and its end brings us back
        if self._store.version(found["metadata"]["uid"]) is not None:
            return Outcome(behind=True)  # how many pods it is to have follows from what it has
        return await self._again(kind, manifest=manifest, uid=found["metadata"]["uid"])

    async def _delete(self, delete: Delete) -> Outcome:
        kind = BY_NAME[delete.kind]
        try:
            answer = await self._writer.delete(
                kind,
                namespace=delete.namespace,
                name=delete.name,
                uid=delete.uid,
                version=delete.version,
                propagation=delete.propagation,
            )
        except NotFound:
            self._store.release(delete.uid)
            return Outcome()
        except Conflict:
            return await self._survived(kind, delete=delete)
        except (Invalid, Forbidden) as error:
            return await self._refusal(error, kind=kind, name=delete.name)
        if "deletionTimestamp" in answer.get("metadata", {}):
            self._store.put(kind.kind, answer)  # something still holds it
        else:
            self._store.forget(delete.uid)
        return Outcome(deleted=1)

    async def _survived(self, kind: Kind, *, delete: Delete) -> Outcome:
        """A deletion met an object that has changed, or another one of its name."""
        try:
            found = await self._client.get(kind, namespace=delete.namespace, name=delete.name)
        except NotFound:
            self._store.release(delete.uid)
            return Outcome()
        self._store.put(kind.kind, found)
        metadata = found["metadata"]
        if metadata["uid"] == delete.uid:
            if delete.version is not None and metadata["resourceVersion"] != delete.version:
                return Outcome(behind=True)
            raise Unavailable(f"{delete.name} could not be deleted", kind=kind.kind)
        self._store.forget(delete.uid)
        return Outcome()

    async def _refusal(self, error: ApiError, *, kind: Kind, name: str) -> Outcome:
        """A write that was refused, unless by an API server that does not know our rights yet."""
        if isinstance(error, Forbidden) and not await self._client.ready():
            raise Unavailable("the API server is starting up", kind=kind.kind) from error
        reason = error.reason or type(error).__name__
        rejected = Rejected(kind.kind, name, reason, error.message, error.heals)
        return Outcome(rejected=(rejected,))

    def _take(self, kind: Kind, *, answer: Manifest, manifest: Manifest) -> None:
        """Read your writes; and accept what admission made of what we wanted."""
        self._store.put(kind.kind, answer)
        # NB: of the answer, not of the store, where somebody's later change may be by now.
        owned = trim(kind.kind, answer)["owned"]
        wanted = wanted_fields(manifest)
        if owned != wanted:
            uid = answer["metadata"]["uid"]
            self._store.accept(uid, wanted=digest(wanted), owned=digest(owned))

    def _gate(self, kind: Kind, *, manifest: Manifest) -> AbstractAsyncContextManager[Any]:
        if kind is SERVICE and manifest["spec"].get("clusterIP") != "None":
            return self._cluster_ips
        return nullcontext()


def _goes_later(delete: Delete) -> bool:
    return delete.version is None


async def _together(writes: Iterable[Callable[[], Awaitable[Outcome]]]) -> Outcome:
    """Do writes at the same time, all of them, even where one fails; then raise the failure."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(write: Callable[[], Awaitable[Outcome]]) -> Outcome:
        async with slots:
            return await write()

    outcome = Outcome()
    results = await asyncio.gather(*(one(write) for write in writes), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
        outcome += result
    return outcome


def _says_the_same(found: Manifest, obj: Manifest) -> bool:
    """Whether all that a status follows from is in `found` as it was in `obj`."""
    now, then = found["metadata"], obj["metadata"]
    return (
        now["uid"] == then["uid"]
        and now.get("generation") == then.get("generation")
        and (found.get("status") or {}) == (obj.get("status") or {})
    )


def _published_by(version: Manifest) -> tuple[str | None, str | None]:
    """The service and the run that a ModelVersion comes from."""
    labels = version["metadata"].get("labels") or {}
    lineage = version["spec"].get("lineage") or {}
    return labels.get(names.LABEL_NAME), lineage.get("run")


def _described(owner: Manifest | None) -> str:
    return f"{owner['kind']} {owner['name']}" if owner is not None else "nobody"
