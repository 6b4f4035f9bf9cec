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
from modelservice_operator.observed.pods import (
    is_leaving,
    is_ready,
    unschedulable,
)
from modelservice_operator.rollout.planner import Stand, Strategy
from modelservice_operator.view import Manifest, Observed, View

DOCUMENT_KEY = "models.json"
# Of two documents of the same pods, the one where it is greater is the newer.
SEQUENCE = "sequence"
# On a Deployment: this rollout was turned from Surge into Replace, because a pod found no node.
STRATEGY_ANNOTATION = f"{names.GROUP}/rollout-strategy"
# On a Deployment whose pods were told to load the models of another revision: which one, since
# when, and which one those have that have not told of it yet. Without them it is the revision of
# its name.
SERVES_ANNOTATION = f"{names.GROUP}/serves"
SINCE_ANNOTATION = f"{names.GROUP}/serves-since"
LOADED_ANNOTATION = f"{names.GROUP}/loaded"
# On a Deployment whose pods were ever told to load other models: how often (`SEQUENCE`).
SEQUENCE_ANNOTATION = f"{names.GROUP}/sequence"
# On a Deployment that was made because a reload did not come about: why.
RELOAD_FAILED_ANNOTATION = f"{names.GROUP}/reload-failed"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision that exists: `data` is what its ControllerRevision keeps.

    `carrier` is the revision whose Deployment and pods it has. While those reload, two revisions
    have the same Deployment, and each the pods that have its models. `mounted` is the document
    that the pods of that Deployment are given, empty where its ConfigMap is missing.
    """

    hash: str
    number: int
    data: Mapping[str, Any]
    deployment: Observed | None
    pods: tuple[Manifest, ...]
    carrier: str
    mounted: str = ""

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
        return notes(self.deployment).get(STRATEGY_ANNOTATION) == Strategy.REPLACE

    @property
    def unreloaded(self) -> str:
        """Why its pods were made although a reload might have done."""
        return notes(self.deployment).get(RELOAD_FAILED_ANNOTATION, "") if self.deployment else ""

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


def notes(deployment: Observed) -> Mapping[str, str]:
    """The annotations of a Deployment that are ours."""
    return deployment.owned.get("metadata", {}).get("annotations") or {}


def serves(deployment: Observed) -> tuple[str, str]:
    """The revision that a Deployment's pods are to have, and the one that they had before."""
    own, told = _carrier(deployment), notes(deployment)
    return told.get(SERVES_ANNOTATION, own), told.get(LOADED_ANNOTATION, own)


def renamed(template: Manifest, *, revision: str, to: str) -> Manifest:
    """The pod template of another revision that differs in its name alone."""
    if revision == to:
        return template
    renamed: Manifest = json.loads(json.dumps(template).replace(revision, to))
    return renamed


def revisions(view: View) -> dict[str, Revision]:
    """The revisions that exist, by hash, oldest first; also those of which only pods are left."""
    records = _by_revision(view, kind="ControllerRevision")
    deployments: dict[str, Observed] = {}
    pods: dict[str, list[Manifest]] = {}
    made = _by_revision(view, kind="Deployment")
    for pod in sorted(view.pods, key=_age):
        label = pod["metadata"].get("labels", {}).get(names.LABEL_REVISION, "")
        pods.setdefault(_held(pod, deployment=made.get(label), view=view) or label, []).append(pod)
    for deployment in made.values():
        for name in serves(deployment):
            if name not in deployments or name == _carrier(deployment):
                deployments[name] = deployment
    found = [
        Revision(
            hash=name,
            number=_number(records.get(name)),
            data=_data(name, record=records.get(name), deployment=deployments.get(name), view=view),
            deployment=deployments.get(name),
            pods=tuple(pods.get(name, ())),
            carrier=_carrier(deployments.get(name)) or name,
            mounted=_mounted(deployments.get(name), view=view),
        )
        for name in {*records, *deployments, *pods} - {""}
    ]
    found.sort(key=lambda revision: (revision.number, revision.hash))
    return {revision.hash: revision for revision in found}


def _by_revision(view: View, *, kind: str) -> dict[str, Observed]:
    return {
        item.labels.get(names.LABEL_REVISION, ""): item
        for (found, _), item in view.children.items()
        if found == kind and not item.deleting
    }


def _carrier(deployment: Observed | None) -> str:
    return deployment.labels.get(names.LABEL_REVISION, "") if deployment is not None else ""


def _held(pod: Manifest, *, deployment: Observed | None, view: View) -> str | None:
    """The revision whose models a pod has, where its Deployment was told to change them."""
    if deployment is None:
        return None
    wanted, loaded = serves(deployment)
    told = view.progress.get(pod["metadata"]["uid"], {})
    # NB: one that has it, and was told before to change to another one, will not have it for long.
    later = told.get("change", {}).get("revision", wanted)
    return wanted if told.get("revision") == later == wanted else loaded


def _mounted(deployment: Observed | None, *, view: View) -> str:
    config = view.children.get(("ConfigMap", deployment.name)) if deployment else None
    text = config.owned.get("data", {}).get(DOCUMENT_KEY, "") if config is not None else ""
    return text if isinstance(text, str) else ""


def _data(
    name: str, *, record: Observed | None, deployment: Observed | None, view: View
) -> Manifest:
    """What the record keeps. Somebody deleted it: the Deployment and its ConfigMap know it too."""
    if record is not None:
        return dict(record.owned.get("data", {}))
    if deployment is None:
        return {}
    try:
        document = json.loads(_mounted(deployment, view=view))
        document.pop(SEQUENCE, None)
        models = [
            {
                **{key: entry[key] for key in ("name", "version")},
                **{key: entry[key] for key in ("uri", "digest", "versionRef") if key in entry},
            }
            for entry in document["models"]
        ]
        told = document.get("revision")
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    if told != name:
        return {}  # its pods are to have, or had, the models of another revision
    template = deployment.owned.get("spec", {}).get("template", {})
    template = renamed(template, revision=_carrier(deployment), to=name)
    return {"template": template, "document": document, "models": models}


def _age(pod: Manifest) -> tuple[str, str]:
    return str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"]["name"])


def _number(record: Observed | None) -> int:
    return int(record.owned.get("revision", 0)) if record is not None else 0
