"""Revisions as they live in the cluster: the ControllerRevision, its Deployment, its pods.

A revision's pod template and models document were rendered once and are kept in an owned
ControllerRevision. What exists is always planned from there, never rendered again: an upgrade of
the operator does not restart a model pod.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.observed.pods import is_leaving, is_ready, unschedulable
from modelservice_operator.rollout.planner import Stand, Strategy
from modelservice_operator.view import Manifest, Observed, View

DOCUMENT_KEY = "models.json"
# On a Deployment: this rollout was turned from Surge into Replace, because a pod found no node.
STRATEGY_ANNOTATION = f"{names.GROUP}/rollout-strategy"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision that exists: `data` is what its ControllerRevision keeps."""

    hash: str
    number: int
    data: Mapping[str, Any]
    deployment: Observed | None
    pods: tuple[Manifest, ...]

    @property
    def size(self) -> int:
        if self.deployment is None:
            return 0
        return int(self.deployment.owned.get("spec", {}).get("replicas", 0))

    @property
    def ready(self) -> int:
        """How many pods answer.

        The Deployment's count can be of an earlier time (it was scaled to 0 and back, and its
        ReplicaSet has not said so yet), and its pods' can be of a moment before: both have to say
        so.
        """
        if self.deployment is None:
            return 0
        told = int(self.deployment.status.get("availableReplicas", 0))
        return min(told, sum(is_ready(pod) and not is_leaving(pod) for pod in self.pods))

    @property
    def models(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.data.get("models", ()))

    @property
    def turned(self) -> bool:
        """Whether its rollout was turned into a replacement."""
        if self.deployment is None:
            return False
        notes = self.deployment.owned.get("metadata", {}).get("annotations", {})
        return bool(notes.get(STRATEGY_ANNOTATION) == Strategy.REPLACE)

    def stand(self) -> Stand:
        created = self.deployment.created if self.deployment else ""
        return Stand(
            hash=self.hash,
            size=self.size,
            ready=self.ready,
            pods=max(len(self.pods), self._replicas()),
            proven=self.ready > 0 or self._was_complete(),
            created=created,
        )

    def unschedulable_since(self) -> float | None:
        times = [
            nowhere[0]
            for pod in self.pods
            if not is_leaving(pod)
            and (nowhere := unschedulable(pod)) is not None
            and nowhere[0] is not None
        ]
        return min(times, default=None)

    def _replicas(self) -> int:
        return int(self.deployment.status.get("replicas", 0)) if self.deployment else 0

    def _was_complete(self) -> bool:
        conditions = self.deployment.status.get("conditions", ()) if self.deployment else ()
        return any(
            item.get("type") == "Progressing" and item.get("reason") == "NewReplicaSetAvailable"
            for item in conditions
        )


def revisions(view: View) -> dict[str, Revision]:
    """The revisions that exist, by hash, oldest first; also those of which only pods are left."""
    records = {
        item.labels.get(names.LABEL_REVISION, ""): item
        for (kind, _), item in view.children.items()
        if kind == "ControllerRevision" and not item.deleting
    }
    deployments = {
        item.labels.get(names.LABEL_REVISION, ""): item
        for (kind, _), item in view.children.items()
        if kind == "Deployment" and not item.deleting
    }
    pods: dict[str, list[Manifest]] = {}
    for pod in sorted(view.pods, key=_age):
        label = pod["metadata"].get("labels", {}).get(names.LABEL_REVISION, "")
        pods.setdefault(label, []).append(pod)
    found = [
        Revision(
            hash=name,
            number=_number(records.get(name)),
            data=_data(records.get(name), deployment=deployments.get(name), view=view),
            deployment=deployments.get(name),
            pods=tuple(pods.get(name, ())),
        )
        for name in {*records, *deployments, *pods} - {""}
    ]
    found.sort(key=lambda revision: (revision.number, revision.hash))
    return {revision.hash: revision for revision in found}


def _data(record: Observed | None, *, deployment: Observed | None, view: View) -> Manifest:
    """What the record keeps. Somebody deleted it: the Deployment and its ConfigMap know it too."""
    if record is not None:
        return dict(record.owned.get("data", {}))
    config = view.children.get(("ConfigMap", deployment.name)) if deployment else None
    if deployment is None or config is None:
        return {}
    try:
        document = json.loads(config.owned.get("data", {}).get(DOCUMENT_KEY, ""))
        models = [
            {
                **{key: entry[key] for key in ("name", "version")},
                **{key: entry[key] for key in ("uri", "digest", "versionRef") if key in entry},
            }
            for entry in document["models"]
        ]
    except (ValueError, KeyError, TypeError):
        return {}
    template = deployment.owned.get("spec", {}).get("template", {})
    return {"template": template, "document": document, "models": models}


def _age(pod: Manifest) -> tuple[str, str]:
    return str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"]["name"])


def _number(record: Observed | None) -> int:
    return int(record.owned.get("revision", 0)) if record is not None else 0
