"""What this replica knows of the cluster: trimmed objects by uid, and views of services.

Observers, sweeps and our own writes' answers put objects in; a reconcile takes one `View` out.
State is keyed by uid, so a service that was deleted and made again never sees what the old one
had. Objects are kept as compact JSON: a tenth of the memory of dicts, and nobody can change them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelservice_operator.api import names
from modelservice_operator.controller.trim import trim
from modelservice_operator.view import Key, Observed, View

Manifest = dict[str, Any]

# uids never come back, so remembering the last ones that went is always right: a late answer or
# an old page of a list must not bring an object back to life.
GONE_LIMIT: Final = 50_000
PROBED: Final = frozenset({names.COMPONENT_TRAINING, names.COMPONENT_CHECK})


@dataclass(slots=True)
class _Entry:
    kind: str
    name: str
    uid: str
    key: Key
    # what it is found by: the uid of its service, or for versions the key of their service
    owner: str | Key | None
    version: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """A pod that tells its progress over HTTP."""

    uid: str
    address: str
    key: Key


class Store:
    """In-memory state of one replica. Used from one event loop only."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._services: dict[Key, str] = {}
        self._owned: dict[str | Key, dict[str, _Entry]] = {}
        self._gone: dict[str, None] = {}
        self._accepted: dict[str, tuple[str, str]] = {}
        self._probes: dict[str, Probe] = {}
        self._progress: dict[str, Manifest] = {}

    @property
    def size(self) -> int:
        """How many objects it holds."""
        return len(self._entries)

    def services(self) -> Iterable[Key]:
        """The keys of all ModelServices."""
        return self._services.keys()

    def put(self, kind: str, obj: Manifest) -> Key | None:
        """Take in a live object. The key of the service that it concerns, None if none or if
        nothing changed that decisions read."""
        metadata = obj["metadata"]
        uid: str = metadata["uid"]
        version: str = metadata["resourceVersion"]
        entry = self._entries.get(uid)
        if entry is None:
            return None if uid in self._gone else self._insert(kind, obj=obj)
        if not _newer(version, than=entry.version):
            return None
        key, owner = _belongs(kind, metadata=metadata)
        if owner != entry.owner:  # adopted or orphaned by somebody
            self._remove(entry)
            return self._insert(kind, obj=obj) or entry.key
        entry.version = version
        data = _dump(trim(kind, obj))
        if data == entry.data:
            return None
        entry.data = data
        self._probe(entry, obj=obj)
        return key

    def drop(self, obj: Manifest) -> Key | None:
        """Forget an object that is gone. The key of the service that it concerned."""
        return self.forget(obj["metadata"]["uid"])

    def forget(self, uid: str) -> Key | None:
        """As `drop`, by uid."""
        self._gone[uid] = None
        if len(self._gone) > GONE_LIMIT:
            del self._gone[next(iter(self._gone))]
        entry = self._entries.get(uid)
        if entry is None:
            return None
        self._remove(entry)
        return entry.key

    def missing(self, kind: str, *, seen: set[str], version: str) -> list[str]:
        """uids of a kind that a list of this version did not have although it should."""
        return [
            entry.uid
            for entry in self._entries.values()
            if entry.kind == kind
            and entry.uid not in seen
            and not _newer(entry.version, than=version)
        ]

    def version(self, uid: str) -> str | None:
        """The resourceVersion of an object; None if it is not held."""
        entry = self._entries.get(uid)
        return entry.version if entry is not None else None

    def owned(self, uid: str) -> Manifest | None:
        """What we own of a child, as `Observed.owned`."""
        entry = self._entries.get(uid)
        if entry is None:
            return None
        owned: Manifest = json.loads(entry.data)["owned"]
        return owned

    def accept(self, uid: str, *, wanted: str, owned: str) -> None:
        """Do not fight what admission made of a manifest. Digests, of what was wanted and is."""
        self._accepted[uid] = (wanted, owned)

    def accepted(self, uid: str) -> tuple[str, str] | None:
        """What was accepted of a child."""
        return self._accepted.get(uid)

    def put_progress(self, uid: str, progress: Manifest) -> Key | None:
        """Take in what a pod told of its progress. The key of its service if that is new."""
        probe = self._probes.get(uid)
        if probe is None or self._progress.get(uid) == progress:
            return None
        self._progress[uid] = progress
        return probe.key

    def probes(self) -> list[Probe]:
        """The running pods that tell their progress."""
        return list(self._probes.values())

    def view(self, key: Key) -> View:
        """A snapshot of a service and of all that belongs to its uid."""
        uid = self._services.get(key)
        if uid is None:
            return View(service=None)
        children: dict[tuple[str, str], Observed] = {}
        pods: list[Manifest] = []
        progress: dict[str, Manifest] = {}
        for entry in self._owned.get(uid, {}).values():
            if entry.kind == "Pod":
                pods.append(_load(entry))
                if entry.uid in self._progress:
                    progress[entry.uid] = self._progress[entry.uid]
            else:
                children[entry.kind, entry.name] = self._observed(entry)
        return View(
            service=_load(self._entries[uid]),
            children=children,
            pods=tuple(pods),
            versions=tuple(_load(entry) for entry in self._owned.get(key, {}).values()),
            progress=progress,
        )

    def _observed(self, entry: _Entry) -> Observed:
        return Observed(
            kind=entry.kind,
            name=entry.name,
            uid=entry.uid,
            resource_version=entry.version,
            accepted=self.accepted(entry.uid),
            **json.loads(entry.data),
        )

    def _insert(self, kind: str, *, obj: Manifest) -> Key | None:
        metadata = obj["metadata"]
        key, owner = _belongs(kind, metadata=metadata)
        if key is None:
            return None
        entry = _Entry(
            kind=kind,
            name=metadata["name"],
            uid=metadata["uid"],
            key=key,
            owner=owner,
            version=metadata["resourceVersion"],
            data=_dump(trim(kind, obj)),
        )
        if owner is None:
            self._services[key] = entry.uid
        else:
            siblings = self._owned.setdefault(owner, {})
            for other in list(siblings.values()):
                if other.kind == kind and other.name == entry.name:
                    self._remove(other)  # its deletion was missed: a name is held by one object
            self._owned.setdefault(owner, siblings)[entry.uid] = entry
        self._entries[entry.uid] = entry
        self._probe(entry, obj=obj)
        return key

    def _remove(self, entry: _Entry) -> None:
        del self._entries[entry.uid]
        self._accepted.pop(entry.uid, None)
        self._probes.pop(entry.uid, None)
        self._progress.pop(entry.uid, None)
        if entry.owner is None:
            if self._services.get(entry.key) == entry.uid:
                del self._services[entry.key]
            return
        siblings = self._owned[entry.owner]
        del siblings[entry.uid]
        if not siblings:
            del self._owned[entry.owner]

    def _probe(self, entry: _Entry, *, obj: Manifest) -> None:
        if entry.kind != "Pod":
            return
        status = obj.get("status") or {}
        component = obj["metadata"]["labels"].get(names.LABEL_COMPONENT)
        if status.get("phase") == "Running" and component in PROBED and status.get("podIP"):
            self._probes[entry.uid] = Probe(entry.uid, status["podIP"], entry.key)
        else:
            # what it told last stays readable until the pod is gone
            self._probes.pop(entry.uid, None)


def _belongs(kind: str, *, metadata: Manifest) -> tuple[Key | None, str | Key | None]:
    """The service that an object concerns, and what the object is found by. (None, None): none."""
    namespace: str = metadata["namespace"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    service = labels.get(names.LABEL_NAME)
    if kind == names.KIND_SERVICE:
        return Key(namespace, metadata["name"]), None
    if kind == names.KIND_VERSION and service is not None:
        return Key(namespace, service), Key(namespace, service)
    if kind == "Pod" and service is not None and names.LABEL_SERVICE_UID in labels:
        return Key(namespace, service), labels[names.LABEL_SERVICE_UID]
    owner = controller_of(metadata)
    if owner is not None and owner["kind"] == names.KIND_SERVICE:
        return Key(namespace, owner["name"]), owner["uid"]
    return None, None


def controller_of(metadata: Manifest) -> Manifest | None:
    """The owner reference of the controller of an object."""
    references: list[Manifest] = metadata.get("ownerReferences") or []
    return next((ref for ref in references if ref.get("controller")), None)


def _newer(version: str, *, than: str) -> bool:
    # Comparing them as numbers is what the API allows since 1.35 and what it has always done.
    if version.isdigit() and than.isdigit():
        return int(version) > int(than)
    return version != than


def _dump(trimmed: Manifest) -> bytes:
    return json.dumps(trimmed, separators=(",", ":"), ensure_ascii=False).encode()


def _load(entry: _Entry) -> Manifest:
    loaded: Manifest = json.loads(entry.data)
    loaded["metadata"]["resourceVersion"] = entry.version
    return loaded
