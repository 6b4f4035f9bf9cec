"""What a reconcile sees: one consistent snapshot of a service and everything it owns.

The store builds a `View` from trimmed objects; plan, delta and status read it and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The queue's key. State is keyed by uid; a key only says where to look."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class VersionKey(Key):
    """Of a ModelVersion, which is no key of a service of the same name."""

    def __str__(self) -> str:
        return f"modelversion {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Observed:
    """One live child, trimmed to what decisions need.

    `owned` is the live object projected onto the fields that our field manager owns (without
    apiVersion, kind and metadata.name/namespace): comparing it with a wanted manifest shows both
    fields that somebody changed and fields that we no longer want.
    """

    kind: str
    name: str
    uid: str
    resource_version: str
    created: str
    deleting: bool
    labels: Mapping[str, str]
    owned: Manifest
    status: Manifest
    # (hash of the wanted manifest, hash of what admission made of it): see store.accept
    accepted: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A service, its children (controlled by its uid), its pods, its model's versions."""

    service: Manifest | None
    children: Mapping[tuple[str, str], Observed] = field(default_factory=dict)
    pods: tuple[Manifest, ...] = ()
    versions: tuple[Manifest, ...] = ()
    # names of all ModelVersions in the namespace, also of other services; not a copy
    taken: Collection[str] = ()
    progress: Mapping[str, Manifest] = field(default_factory=dict)
    # the ModelVersions that its versionRefs mean, of any namespace, granted or not; and all grants
    # of the other namespaces that it refers to
    published: tuple[Manifest, ...] = ()
    grants: tuple[Manifest, ...] = ()
    # names of `versions` that live revisions of any service serve
    used: Collection[str] = ()
    # somebody took a child away: the garbage collector, if the service is gone and nobody said so
    bereaved: bool = False
