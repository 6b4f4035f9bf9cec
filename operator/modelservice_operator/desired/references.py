"""What a service refers to in the registry: references to ModelVersions, as values.

The store finds by them which services a version concerns; `lookup` which version a model gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from modelservice_operator.view import Manifest


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """ModelVersions of one namespace: the one of a name, or those of a model and with labels."""

    namespace: str
    name: str = ""
    model: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, reference: Mapping[str, Any], *, home: str) -> Self:
        """From a `versionRef`; `home` is the namespace of its service."""
        selector = reference.get("selector") or {}
        return cls(
            namespace=reference.get("namespace") or home,
            name=reference.get("name") or "",
            model=selector.get("model") or "",
            labels=tuple(sorted((selector.get("matchLabels") or {}).items())),
        )

    def matches(self, version: Manifest) -> bool:
        """Whether it means this ModelVersion, granted or not."""
        metadata = version["metadata"]
        if metadata["namespace"] != self.namespace:
            return False
        return selects(version, name=self.name, model=self.model, labels=self.labels)


def selects(
    version: Manifest, *, name: str, model: str, labels: tuple[tuple[str, str], ...]
) -> bool:
    """Whether a version has this name, model and labels; what is empty says nothing."""
    metadata = version["metadata"]
    if name and metadata["name"] != name:
        return False
    if model and version["spec"]["model"] != model:
        return False
    own = metadata.get("labels") or {}
    return all(own.get(key) == value for key, value in labels)


def references(service: Manifest) -> tuple[Reference, ...]:
    """All that the models of a live ModelService refer to, sorted."""
    home = service["metadata"]["namespace"]
    models = service.get("spec", {}).get("models") or ()
    stated = [model["versionRef"] for model in models if model.get("versionRef")]
    return tuple(sorted({Reference.read(one, home=home) for one in stated}))
