"""Who refers to whom in the registry: services to ModelVersions, by name or by selector.

Part of the store. An event of a version asks for the services that mean it, a view for the versions
that its service means: both go through the properties that they have in common, so they cost what
they find, however many services and versions there are. Equal references are one entry here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelservice_operator.desired.references import Reference
from modelservice_operator.view import Key, Manifest, VersionKey

# A property of versions that references ask for: their name, model or a label, in a namespace.
Term = tuple[str, ...]


class Referrals:
    """References of services, and the properties of versions."""

    def __init__(self) -> None:
        self._of: dict[Key, tuple[Reference, ...]] = {}
        self._services: dict[Reference, set[Key]] = {}
        self._references: dict[Term, set[Reference]] = {}
        self._versions: dict[Term, set[str]] = {}
        self._abroad: dict[str, set[Key]] = {}

    def refer(self, key: Key, references: tuple[Reference, ...]) -> None:
        """These are the references of a service now; none when it is gone."""
        before = self._of.pop(key, ())
        for reference in before:
            self._drop(key, reference)
        for reference in references:
            self._add(key, reference)
        if references:
            self._of[key] = references

    def publish(self, uid: str, version: Manifest) -> set[Key]:
        """A version (trimmed or not) is there. The services that refer to it."""
        for term in _terms(version):
            self._versions.setdefault(term, set()).add(uid)
        return self._meaning(version)

    def withdraw(self, uid: str, version: Manifest) -> set[Key]:
        """A version, as it was, is no more. The services that refer to it."""
        for term in _terms(version):
            _discard(self._versions, term, uid)
        return self._meaning(version)

    def candidates(self, key: Key) -> set[str]:
        """uids of versions; among them are all that a service refers to, and hardly others."""
        found: set[str] = set()
        for reference in self._of.get(key, ()):
            found |= min(
                (self._versions.get(term, set()) for term in _asked(reference)),
                key=len,
            )
        return found

    def has(self, key: VersionKey) -> bool:
        """Whether there is a version of this name."""
        return (key.namespace, "name", key.name) in self._versions

    def namespaces(self, key: Key) -> set[str]:
        """The other namespaces that a service refers to."""
        return {item.namespace for item in self._of.get(key, ())} - {key.namespace}

    def abroad(self, namespace: str) -> set[Key]:
        """The services elsewhere that refer to this namespace."""
        return set(self._abroad.get(namespace, ()))

    def _meaning(self, version: Manifest) -> set[Key]:
        concerned: set[Key] = set()
        for term in _terms(version):
            for reference in self._references.get(term, ()):
                if reference.matches(version):
                    concerned |= self._services[reference]
        return concerned

    def _add(self, key: Key, reference: Reference) -> None:
        self._services.setdefault(reference, set()).add(key)
        # one of the terms is enough to find it by; what else it asks for is compared then
        self._references.setdefault(_asked(reference)[0], set()).add(reference)
        if reference.namespace != key.namespace:
            self._abroad.setdefault(reference.namespace, set()).add(key)

    def _drop(self, key: Key, reference: Reference) -> None:
        _discard(self._services, reference, key)
        if reference not in self._services:
            _discard(self._references, _asked(reference)[0], reference)
        if reference.namespace != key.namespace:
            _discard(self._abroad, reference.namespace, key)


def _asked(reference: Reference) -> list[Term]:
    """What a reference asks for, the rarest property first."""
    namespace = reference.namespace
    asked: list[Term] = []
    if reference.name:
        asked.append((namespace, "name", reference.name))
    if reference.model:
        asked.append((namespace, "model", reference.model))
    return [*asked, *((namespace, "label", *label) for label in reference.labels)]


def _terms(version: Manifest) -> Iterator[Term]:
    metadata = version["metadata"]
    namespace = metadata["namespace"]
    yield namespace, "name", metadata["name"]
    yield namespace, "model", version["spec"].get("model", "")
    for label in (metadata.get("labels") or {}).items():
        yield namespace, "label", *label


def _discard(index: dict[Any, set[Any]], group: Any, member: object) -> None:
    """Take a member out of its group if it is in there, and the group away with its last one."""
    members = index.get(group, set())
    members.discard(member)
    if not members:
        index.pop(group, None)
