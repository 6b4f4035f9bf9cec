"""Which ModelVersions are served: by the live revisions of services, as their records say.

Part of the store, and where `status.usedBy` of a version comes from. It follows from what is
observed alone, so a restart knows it before the first reconcile, and two services that begin to
use a version at the same time do not write over each other's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelservice_operator.desired import child_names
from modelservice_operator.view import Key, Manifest, VersionKey


@dataclass(frozen=True, slots=True)
class _Use:
    """One model of a live revision."""

    service: Key
    uid: str  # of the service
    digest: str


class Usage:
    """Uses of versions by live revisions."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[VersionKey, ...]] = {}  # by the revision's uid
        self._uses: dict[VersionKey, dict[str, _Use]] = {}

    def begin(self, revision: str, *, service: Key, uid: str, record: Manifest) -> list[VersionKey]:
        """A ControllerRevision with this uid lives. The versions that it may use."""
        self.end(revision)
        try:
            used = {
                key: _Use(service, uid, digest)
                for key, digest in _versions(record, service=service)
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            return []  # nobody but us writes such records; the next reconcile takes it away
        for key, use in used.items():
            self._uses.setdefault(key, {})[revision] = use
        if used:
            self._of[revision] = tuple(used)
        return list(used)

    def end(self, revision: str) -> tuple[VersionKey, ...]:
        """A ControllerRevision is gone. The versions that it used."""
        used = self._of.pop(revision, ())
        for key in used:
            uses = self._uses[key]
            del uses[revision]
            if not uses:
                del self._uses[key]
        return used

    def users(self, key: VersionKey, *, digest: str) -> dict[Key, str]:
        """The services (and their uids) that serve the version of this name with these bytes."""
        uses = self._uses.get(key, {}).values()
        return {use.service: use.uid for use in uses if use.digest == digest}


def _versions(record: Manifest, *, service: Key) -> Iterator[tuple[VersionKey, str]]:
    """The versions that a revision may serve, each with the digest of what it serves.

    A trained model's record does not name its version, whose name follows from the service's. For
    a model from a file it is a name that no version has, or one with other bytes.
    """
    for model in (record.get("data") or {}).get("models") or ():
        if "digest" not in model:
            continue  # an ensemble
        reference = model.get("versionRef")
        if reference:
            key = VersionKey(reference["namespace"], reference["name"])
        else:
            name = child_names.model_version(
                service=service.name, model=model["name"], number=int(model["version"])
            )
            key = VersionKey(service.namespace, name)
        yield key, str(model["digest"])
