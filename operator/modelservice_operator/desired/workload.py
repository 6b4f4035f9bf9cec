"""The objects of one revision: its record, its models document, its Deployment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.desired import child_names
from modelservice_operator.desired.child import Child, Manifest, Owner, Stage, metadata
from modelservice_operator.desired.model_set import ModelEntry
from modelservice_operator.rollout.planner import Strategy
from modelservice_operator.rollout.revisions import (
    DOCUMENT_KEY,
    RELOAD_FAILED_ANNOTATION,
    STRATEGY_ANNOTATION,
)

NOTE_LIMIT = 512
# The public keys of those who may push documents; beside the document, in its ConfigMap.
PUSH_KEYS_KEY = "push-keys.json"


def revision_data(
    *, template: Manifest, document: Mapping[str, Any], entries: Sequence[ModelEntry]
) -> Manifest:
    """What a ControllerRevision keeps: all that is needed to plan this revision again."""
    return {
        "template": template,
        "document": dict(document),
        "models": [entry.record() for entry in entries],
    }


def record(*, owner: Owner, revision: str, number: int, data: Mapping[str, Any]) -> Child:
    """The ControllerRevision, written once."""
    name = child_names.revision(service=owner.name, revision_hash=revision)
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata(owner=owner, name=name, component="serving", revision=revision),
        "data": dict(data),
        "revision": number,
    }
    return Child(manifest=manifest, mode="create")


def config_map(
    *, owner: Owner, revision: str, document: Mapping[str, Any], push_keys: Sequence[str]
) -> Child:
    """The wanted models, as the pods of the revision mount them, and who may push others."""
    name = child_names.revision(service=owner.name, revision_hash=revision)
    data = {DOCUMENT_KEY: json.dumps(document, sort_keys=True, indent=1)}
    if push_keys:
        data[PUSH_KEYS_KEY] = json.dumps({"keys": list(push_keys)})
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(owner=owner, name=name, component="serving", revision=revision),
        "data": data,
    }
    return Child(manifest=manifest)


def rollout_notes(*, turned: bool, unreloaded: str) -> dict[str, str]:
    """The annotations that say how a Deployment came to be, and why."""
    return {
        **({STRATEGY_ANNOTATION: Strategy.REPLACE.value} if turned else {}),
        **({RELOAD_FAILED_ANNOTATION: unreloaded[:NOTE_LIMIT]} if unreloaded else {}),
    }


def deployment(
    *,
    owner: Owner,
    revision: str,
    template: Manifest,
    replicas: int,
    notes: Mapping[str, str],
) -> Child:
    """The Deployment. Its template never changes, so its own update strategy never acts."""
    name = child_names.revision(service=owner.name, revision_hash=revision)
    meta = metadata(owner=owner, name=name, component="serving", revision=revision)
    if notes:
        meta["annotations"] = dict(sorted(notes.items()))
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {
                "matchLabels": {
                    names.LABEL_NAME: owner.name,
                    names.LABEL_COMPONENT: names.COMPONENT_SERVING,
                    names.LABEL_REVISION: revision,
                }
            },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "template": template,
        },
    }
    return Child(manifest=manifest, stage=Stage.WORKLOAD)
