"""The store's view of the registry: what one object means for services that do not own it.

A ModelVersion concerns the services that refer to it, a ModelGrant those that refer to its
namespace, a live revision the versions that it serves. The keys of all of them are `woken`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelservice_operator.api import names
from modelservice_operator.controller.referrals import Referrals
from modelservice_operator.controller.usage import Usage
from modelservice_operator.desired.references import references
from modelservice_operator.view import Key, Manifest, VersionKey


class Registry:
    """References, versions and uses, kept from what comes into the store."""

    def __init__(self) -> None:
        self._referrals = Referrals()
        self._usage = Usage()
        self._woken: dict[Key, None] = {}

    def seen(self, kind: str, obj: Manifest, *, key: Key | None, uid: str) -> None:
        """An object that is new or has changed; `key` and `uid` are of its service, if it has one.

        A version that has changed was withdrawn before.
        """
        metadata = obj["metadata"]
        if kind == names.KIND_SERVICE and key is not None:
            self._referrals.refer(key, references(obj))
        elif kind == names.KIND_VERSION:
            self._wake(self._referrals.publish(metadata["uid"], obj))
            self.touch(obj, key=None)
        elif kind == names.KIND_GRANT:
            self._wake(self._referrals.abroad(metadata["namespace"]))
        elif kind == "ControllerRevision" and key is not None:
            used = self._usage.begin(metadata["uid"], service=key, uid=uid, record=obj)
            self._wake(one for one in used if self._referrals.has(one))

    def touch(self, version: Manifest, *, key: Key | None) -> None:
        """A version whose status may have to be written. Where that alone has changed, it is also
        for the service that made it (`key`), which may delete what nobody uses any more."""
        metadata = version["metadata"]
        self._wake([VersionKey(metadata["namespace"], metadata["name"])])
        self._wake([key] if key is not None else [])

    def withdraw(self, version: Manifest) -> None:
        """A version is gone, or not any more what it was."""
        self._wake(self._referrals.withdraw(version["metadata"]["uid"], version))

    def gone(self, kind: str, *, key: Key | None, namespace: str, uid: str) -> None:
        """An object of another kind is gone; `namespace` and `uid` are its own."""
        if kind == names.KIND_SERVICE and key is not None:
            self._referrals.refer(key, ())
        elif kind == names.KIND_GRANT:
            self._wake(self._referrals.abroad(namespace))
        elif kind == "ControllerRevision":
            self._wake(one for one in self._usage.end(uid) if self._referrals.has(one))

    def woken(self) -> tuple[Key, ...]:
        """The keys that others' objects concern since this was asked last."""
        if not self._woken:
            return ()
        keys = tuple(self._woken)
        self._woken.clear()
        return keys

    def candidates(self, key: Key) -> list[str]:
        """uids of the versions that a service may refer to, in a fixed order."""
        return sorted(self._referrals.candidates(key))

    def namespaces(self, key: Key) -> list[str]:
        """The other namespaces that a service refers to, sorted."""
        return sorted(self._referrals.namespaces(key))

    def users(self, version: Manifest, *, services: Mapping[Key, str]) -> list[Key]:
        """The services (of those that there are, with their uids) whose live revisions serve a
        version, sorted."""
        metadata = version["metadata"]
        key = VersionKey(metadata["namespace"], metadata["name"])
        uses = self._usage.users(key, digest=version["spec"]["artifact"]["digest"])
        return sorted(service for service, uid in uses.items() if services.get(service) == uid)

    def _wake(self, keys: Iterable[Key]) -> None:
        self._woken.update(dict.fromkeys(keys))
