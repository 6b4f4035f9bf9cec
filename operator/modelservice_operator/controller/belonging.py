"""Which service an object concerns, from its metadata alone."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.view import Key

Manifest = dict[str, Any]

# What an object is found by: namespace and uid of its service, for a ModelVersion the service's key
# (which has an empty name where it says of none), for a ModelGrant its namespace, None for a
# service itself.
Owner = tuple[str, str] | Key | None


def belongs(kind: str, *, metadata: Manifest) -> tuple[Key | None, Owner]:
    """The service that an object concerns, and what the object is found by. (None, None): none."""
    namespace = intern(metadata["namespace"])
    labels: Mapping[str, str] = metadata.get("labels") or {}
    service = labels.get(names.LABEL_NAME)
    if kind == names.KIND_SERVICE:
        return Key(namespace, intern(metadata["name"])), None
    if kind == names.KIND_VERSION:
        key = Key(namespace, intern(service or ""))
        return (key, key) if service else (None, key)
    if kind == names.KIND_GRANT:
        return None, grants_of(namespace)
    if kind == "Pod" and service is not None and names.LABEL_SERVICE_UID in labels:
        uid = intern(labels[names.LABEL_SERVICE_UID])
        return Key(namespace, intern(service)), (namespace, uid)
    owner = controller_of(metadata)
    if owner is not None and owner["kind"] == names.KIND_SERVICE:
        return Key(namespace, intern(owner["name"])), (namespace, intern(owner["uid"]))
    return None, None


def grants_of(namespace: str) -> Owner:
    """What the ModelGrants of a namespace are found by. No service has an empty uid."""
    return namespace, ""


def controller_of(metadata: Manifest) -> Manifest | None:
    """The owner reference of the controller of an object."""
    references: list[Manifest] = metadata.get("ownerReferences") or []
    return next((ref for ref in references if ref.get("controller")), None)
