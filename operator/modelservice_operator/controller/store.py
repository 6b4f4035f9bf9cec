"""What this replica knows of the cluster: trimmed objects by uid, and views of services.

Observers, sweeps and our own writes' answers put objects in; a reconcile takes one `View` out.
State is keyed by uid, so a service that was deleted and made again never sees what the old one
had; and by namespace, so nobody's object elsewhere is taken for its child. Objects are kept packed:
a hundredth of the memory of dicts, and nobody can change them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.controller.belonging import Owner, belongs, grants_of
from modelservice_operator.controller.gone import Gone, newer
from modelservice_operator.controller.packing import Packer
from modelservice_operator.controller.probes import Probe, Probes
from modelservice_operator.controller.registry import Registry
from modelservice_operator.controller.trim import trim
from modelservice_operator.desired.sequence import Order
from modelservice_operator.view import Key, Observed, VersionKey, View

Manifest = dict[str, Any]


@dataclass(slots=True)
class _Entry:
    kind: str
    name: str
    uid: str
    key: Key | None  # the service that it concerns; only another's ModelVersion concerns none
    owner: Owner
    version: str
    data: bytes


class Store:
    """In-memory state of one replica. Used from one event loop only."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._services: dict[Key, str] = {}
        self._owned: dict[Owner, dict[str, _Entry]] = {}
        # names of all ModelVersions, by namespace: ours, other services' and other people's
        self._taken: dict[str, dict[str, str]] = {}
        self._registry = Registry()
        self._packer = Packer()
        self._gone = Gone()
        # services that somebody took a child from
        self._bereaved: set[tuple[str, str]] = set()
        self._accepted: dict[str, tuple[str, str]] = {}
        self._probes = Probes()

    @property
    def size(self) -> int:
        """How many objects it holds."""
        return len(self._entries)

    def services(self) -> Iterable[Key]:
        """The keys of all ModelServices."""
        return self._services.keys()

    def versions(self) -> Iterable[VersionKey]:
        """The keys of all ModelVersions."""
        return [
            VersionKey(namespace, name)
            for namespace in self._taken
            for name in self._taken[namespace]
        ]

    def woken(self) -> tuple[Key, ...]:
        """The keys that what came in since the last time concerns without being theirs.

        NB: not only what observers put in. The answer to our own write concerns others too, and the
        event that follows it says nothing new.
        """
        return self._registry.woken()

    def published(self, key: VersionKey) -> tuple[Manifest, tuple[Key, ...]] | None:
        """A ModelVersion and the services whose live revisions serve it; None if it is gone."""
        uid = self._taken.get(key.namespace, {}).get(key.name)
        if uid is None:
            return None
        version = self._versioned(self._entries[uid])
        return version, tuple(self._registry.users(version, services=self._services))

    def put(self, kind: str, obj: Manifest, *, listed: bool = False) -> tuple[Key, ...]:
        """Take in a live object, from a list or not. The keys of the services that it concerns;
        none if nothing changed that decisions read, two where it went from one to another."""
        metadata = obj["metadata"]
        uid: str = metadata["uid"]
        version: str = metadata["resourceVersion"]
        entry = self._entries.get(uid)
        if entry is None:
            alive = self._gone.lives(uid, version=version, listed=listed)
            return _those(self._insert(kind, obj=obj)) if alive else ()
        if not newer(version, than=entry.version):
            return ()
        key, owner = belongs(kind, metadata=metadata)
        if owner != entry.owner:  # adopted or orphaned by somebody
            self._remove(entry)
            return _those(entry.key, self._insert(kind, obj=obj))
        entry.version = version
        data = self._packer.pack(kind, trim(kind, obj))
        if data == entry.data:
            return ()
        before = self._load(entry) if kind == names.KIND_VERSION else None
        entry.data = data
        if kind == "Pod" and key is not None:
            self._probes.seen(obj, uid=uid, key=key)
        self._note(entry, obj=obj, before=before)
        return _those(key)

    def forget(self, uid: str, *, version: str = "") -> Key | None:
        """Take out an object that is gone. The key of the service that it concerned.

        With a `version`, which is that of its end, a later one brings it back.
        """
        self._gone.remember(uid, version=version)
        entry = self._entries.get(uid)
        if entry is None:
            return None
        self._remove(entry)
        return entry.key

    def release(self, uid: str) -> None:
        """Take out an object that the API server denies, until a list shows it."""
        self.forget(uid)
        self._gone.deny(uid)

    def lose(self, uid: str, *, version: str) -> Key | None:
        """As `forget`, for what somebody else took away or out of our sight."""
        entry = self._entries.get(uid)
        if entry is not None and entry.key is not None and entry.kind != "Pod":
            owner = (entry.key.namespace, self._services.get(entry.key, ""))
            if owner == entry.owner:
                self._bereaved.add(owner)
        return self.forget(uid, version=version)

    def reassure(self, *, namespace: str, uid: str) -> None:
        """The service is still there, whoever took its child."""
        self._bereaved.discard((namespace, uid))

    def missing(self, kind: str, *, seen: set[str], version: str) -> list[str]:
        """uids of a kind that a list of this version did not have although it should."""
        return [
            entry.uid
            for entry in self._entries.values()
            if entry.kind == kind
            and entry.uid not in seen
            and not newer(entry.version, than=version)
        ]

    def version(self, uid: str) -> str | None:
        """The resourceVersion of an object; None if it is not held."""
        entry = self._entries.get(uid)
        return entry.version if entry is not None else None

    def accept(self, uid: str, *, wanted: str, owned: str) -> None:
        """Do not fight what admission made of a manifest. Digests, of what was wanted and is."""
        self._accepted[uid] = (wanted, owned)

    def accepted(self, uid: str) -> tuple[str, str] | None:
        """What was accepted of a child."""
        return self._accepted.get(uid)

    def put_progress(self, uid: str, progress: Manifest) -> Key | None:
        """Take in what a pod told of its progress. The key of its service if that is news."""
        entry = self._entries.get(uid)
        if entry is None or entry.key is None:
            return None
        return entry.key if self._probes.put(uid, progress, key=entry.key) else None

    def follow(self, key: Key, *, pods: Iterable[str], order: Order | None = None) -> None:
        """Have these serving pods of a service asked, by uid, and no others of its; and have them
        told the order, where there is one."""
        self._probes.follow(key, pods=pods, order=order)

    def untold(self) -> list[tuple[Probe, Order]]:
        """The pods that are to be told an order."""
        return list(self._probes.untold())

    def probes(self) -> list[Probe]:
        """The pods that tell how far they are."""
        return list(self._probes.all())

    def view(self, key: Key) -> View:
        """A snapshot of a service and of all that belongs to its uid."""
        uid = self._services.get(key)
        if uid is None:
            return View(service=None)
        children: dict[tuple[str, str], Observed] = {}
        pods: list[Manifest] = []
        progress: dict[str, Manifest] = {}
        for entry in self._owned.get((key.namespace, uid), {}).values():
            if entry.kind == "Pod":
                pods.append(self._versioned(entry))
                told = self._probes.told(entry.uid)
                if told is not None:
                    progress[entry.uid] = told
            else:
                children[entry.kind, entry.name] = self._observed(entry)
        versions = tuple(self._versioned(entry) for entry in self._owned.get(key, {}).values())
        return View(
            service=self._versioned(self._entries[uid]),
            children=children,
            pods=tuple(pods),
            versions=versions,
            used={
                version["metadata"]["name"]
                for version in versions
                if self._registry.users(version, services=self._services)
            },
            taken=self._taken.get(key.namespace, {}).keys(),
            published=tuple(
                self._load(self._entries[one]) for one in self._registry.candidates(key)
            ),
            grants=tuple(
                self._load(entry)
                for namespace in self._registry.namespaces(key)
                for entry in self._owned.get(grants_of(namespace), {}).values()
            ),
            progress=progress,
            bereaved=(key.namespace, uid) in self._bereaved,
        )

    def _observed(self, entry: _Entry) -> Observed:
        return Observed(
            kind=entry.kind,
            name=entry.name,
            uid=entry.uid,
            resource_version=entry.version,
            accepted=self.accepted(entry.uid),
            **self._load(entry),
        )

    def _load(self, entry: _Entry) -> Manifest:
        return self._packer.unpack(entry.kind, entry.data)

    def _versioned(self, entry: _Entry) -> Manifest:
        loaded = self._load(entry)
        loaded["metadata"]["resourceVersion"] = entry.version
        return loaded

    def _insert(self, kind: str, *, obj: Manifest) -> Key | None:
        metadata = obj["metadata"]
        key, owner = belongs(kind, metadata=metadata)
        if key is None and owner is None:
            return None
        entry = _Entry(
            kind=kind,
            name=intern(metadata["name"]),
            uid=intern(metadata["uid"]),
            key=key,
            owner=owner,
            version=metadata["resourceVersion"],
            data=self._packer.pack(kind, trim(kind, obj)),
        )
        if owner is None and key is not None:
            self._services[key] = entry.uid
        else:
            self._displace(entry)
            self._owned.setdefault(owner, {})[entry.uid] = entry
        if kind == names.KIND_VERSION:
            self._taken.setdefault(metadata["namespace"], {})[entry.name] = entry.uid
        self._entries[entry.uid] = entry
        if kind == "Pod" and key is not None:
            self._probes.seen(obj, uid=entry.uid, key=key)
        self._note(entry, obj=obj, before=None)
        return key

    def _note(self, entry: _Entry, *, obj: Manifest, before: Manifest | None) -> None:
        """What a new or changed object means for others; `before` is what a version was."""
        if before is not None:
            now = self._load(entry)
            if all(now[part] == before[part] for part in ("metadata", "spec")):
                self._registry.touch(now, key=entry.key)
                return
            self._registry.withdraw(before)
        uid = entry.owner[1] if isinstance(entry.owner, tuple) else ""
        self._registry.seen(entry.kind, obj, key=entry.key, uid=uid)

    def _displace(self, entry: _Entry) -> None:
        """A name is held by one object: the deletion of the one before was missed."""
        if isinstance(entry.owner, Key):
            uid = self._taken.get(entry.owner.namespace, {}).get(entry.name, "")
            others = [self._entries[uid]] if uid in self._entries else []
        else:
            siblings = self._owned.get(entry.owner, {}).values()
            others = [
                item for item in siblings if item.kind == entry.kind and item.name == entry.name
            ]
        for other in others:
            self._remove(other)

    def _remove(self, entry: _Entry) -> None:
        del self._entries[entry.uid]
        if entry.kind == names.KIND_VERSION:
            self._registry.withdraw(self._load(entry))
        else:
            namespace = entry.owner[0] if isinstance(entry.owner, tuple) else ""
            self._registry.gone(entry.kind, key=entry.key, namespace=namespace, uid=entry.uid)
        self._accepted.pop(entry.uid, None)
        self._probes.gone(entry.uid)
        if entry.owner is None:
            if entry.key is not None and self._services.get(entry.key) == entry.uid:
                del self._services[entry.key]
                self._probes.forget(entry.key)
            if entry.key is not None:
                self._bereaved.discard((entry.key.namespace, entry.uid))
            return
        _discard(self._owned, entry.owner, entry.uid)
        if isinstance(entry.owner, Key):
            _discard(self._taken, entry.owner.namespace, entry.name)


def _discard(index: dict[Any, dict[str, Any]], group: Any, member: str) -> None:
    """Take a member out of its group, and the group away with its last one."""
    members = index[group]
    del members[member]
    if not members:
        del index[group]


def _those(*keys: Key | None) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for key in keys if key is not None))
