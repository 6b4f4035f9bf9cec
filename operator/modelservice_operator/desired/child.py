"""One wanted child object, and the metadata that every child shares.

The plan is a tuple of these; `controller.delta` compares them with the live children.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from modelservice_operator.api import names

Manifest = dict[str, Any]


class Stage(IntEnum):
    """Writes of one stage finish before the next stage begins."""

    BASE = 0  # what pods mount, and what finds them
    WORKLOAD = 1  # what makes pods
    RECORD = 2  # what outlives the service: ModelVersions
    SCALING = 3  # what changes or bounds the size of a workload that exists


@dataclass(frozen=True, slots=True)
class Child:
    """A wanted object.

    `apply` objects are kept equal to `manifest`. `create` objects are written once; `mutable` is
    the part of them that may still change (it is applied alone), None where nothing may.
    """

    manifest: Manifest
    stage: Stage = Stage.BASE
    mode: Literal["apply", "create"] = "apply"
    mutable: Manifest | None = None

    @property
    def kind(self) -> str:
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Owner:
    """The ModelService that children belong to."""

    namespace: str
    name: str
    uid: str

    @property
    def reference(self) -> Manifest:
        # blockOwnerDeletion stays unset: with OwnerReferencesPermissionEnforcement it would need
        # rights on modelservices/finalizers, and nothing here waits for foreground deletion.
        return {
            "apiVersion": names.API_VERSION,
            "kind": "ModelService",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
        }


def labels(*, owner: Owner, component: str, **more: str) -> dict[str, str]:
    """Labels of a child; `more` are `modelservice.io/` labels (revision, model)."""
    return {
        "app.kubernetes.io/name": "modelservice",
        "app.kubernetes.io/instance": owner.name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "modelservice",
        "app.kubernetes.io/managed-by": names.MANAGER,
        names.LABEL_NAME: owner.name,
        names.LABEL_COMPONENT: component,
        **{f"{names.GROUP}/{key}": value for key, value in more.items()},
    }


def metadata(*, owner: Owner, name: str, component: str, **more: str) -> Manifest:
    """Metadata of a child that `owner` controls."""
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels(owner=owner, component=component, **more),
        "ownerReferences": [owner.reference],
    }
