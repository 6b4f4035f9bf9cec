"""Trimming: the projection onto owned fields, and what is kept of each kind."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.controller.trim import owned, trim

Manifest = dict[str, Any]
US = "modelservice-operator"

LIVE: Manifest = {
    "metadata": {"name": "x", "labels": {"a": "1", "b": "2"}, "finalizers": ["ours", "theirs"]},
    "spec": {
        "replicas": 3,
        "paused": False,
        "args": ["--a", "--b"],
        "containers": [
            {"name": "sidecar", "image": "s:1"},
            {
                "name": "main",
                "image": "m:1",
                "imagePullPolicy": "Always",
                "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
            },
        ],
        "empty": {},
    },
    "status": {"replicas": 3},
}


def entry(fields: Manifest, *, manager: str = US, **more: Any) -> Manifest:
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, **more}


def project(*entries: Manifest) -> Manifest:
    live = copy.deepcopy(LIVE)
    live["metadata"]["managedFields"] = list(entries)
    before = copy.deepcopy(live)
    result = owned(live)
    assert live == before
    return result


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"f:spec": {"f:replicas": {}}}, {"spec": {"replicas": 3}}),
        ({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}, {"metadata": {"labels": {"a": "1"}}}),
        ({"f:spec": {"f:args": {}}}, {"spec": {"args": ["--a", "--b"]}}),
        ({"f:spec": {"f:empty": {}}}, {"spec": {"empty": {}}}),
        ({"f:spec": {"f:absent": {}}}, {"spec": {}}),
        (
            {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"main"}': {
                            ".": {},
                            "f:name": {},
                            "f:image": {},
                            "f:ports": {
                                'k:{"containerPort":80,"protocol":"TCP"}': {
                                    ".": {},
                                    "f:containerPort": {},
                                }
                            },
                        }
                    }
                }
            },
            {
                "spec": {
                    "containers": [
                        {"name": "main", "image": "m:1", "ports": [{"containerPort": 80}]}
                    ]
                }
            },
        ),
        (
            {"f:metadata": {"f:finalizers": {'v:"ours"': {}, 'v:"absent"': {}}}},
            {"metadata": {"finalizers": ["ours"]}},
        ),
        ({"f:spec": {"f:args": {"i:1": {}}}}, {"spec": {"args": ["--b"]}}),
    ],
    ids=["field", "map", "atomic list", "empty map", "absent", "keyed list", "set", "index"],
)
def test_the_projection_has_what_the_fields_name(fields: Manifest, expected: Manifest) -> None:
    assert project(entry(fields)) == expected


def test_items_keep_the_order_in_which_they_live() -> None:
    both = {'k:{"name":"main"}': {"f:name": {}}, 'k:{"name":"sidecar"}': {"f:name": {}}}

    projected = project(entry({"f:spec": {"f:containers": both}}))

    assert projected["spec"]["containers"] == [{"name": "sidecar"}, {"name": "main"}]


def test_others_fields_and_subresources_are_not_ours() -> None:
    assert (
        project(
            entry({"f:spec": {"f:replicas": {}}}, manager="kubectl"),
            entry({"f:status": {"f:replicas": {}}}, subresource="status"),
        )
        == {}
    )


def test_two_entries_of_ours_are_read_as_one() -> None:
    """A Job is made by POST (Update) and a part of it is applied since (Apply)."""
    container = {'k:{"name":"main"}': {"f:image": {}}}
    other = {'k:{"name":"main"}': {"f:name": {}}, 'k:{"name":"sidecar"}': {"f:name": {}}}

    projected = project(
        entry({"f:spec": {"f:replicas": {}, "f:containers": container}}, operation="Update"),
        entry({"f:spec": {"f:paused": {}, "f:containers": other}}),
    )

    assert projected == {
        "spec": {
            "replicas": 3,
            "paused": False,
            "containers": [{"name": "sidecar"}, {"name": "main", "image": "m:1"}],
        }
    }


SCALARS = st.one_of(st.integers(), st.text(max_size=5), st.booleans())
NAMES = st.text(alphabet="abcdef", min_size=1, max_size=3)
TREES = st.recursive(
    SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=15
)


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_owning_every_leaf_gives_the_whole_object(body: Manifest) -> None:
    def leaves(value: Any) -> Manifest:
        if not isinstance(value, dict):
            return {}
        return {f"f:{name}": leaves(below) for name, below in value.items()}

    live = {"metadata": {"managedFields": [entry(leaves({"spec": body}))]}, "spec": body}

    assert owned(live) == ({"spec": body} if body else {"spec": {}})


METADATA: Manifest = {
    "name": "x",
    "namespace": "default",
    "uid": "u",
    "resourceVersion": "7",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "labels": {
        "kueue.x-k8s.io/queue-name": "q",
        "modelservice.io/name": "x",
        "team": "ml",
    },
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{…}"},
    "managedFields": [],
}


def test_of_a_service_the_users_metadata_is_left_out() -> None:
    trimmed = trim("ModelService", {"metadata": METADATA, "spec": {"a": 1}})

    assert trimmed == {
        "metadata": {
            "name": "x",
            "namespace": "default",
            "uid": "u",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"kueue.x-k8s.io/queue-name": "q"},
        },
        "spec": {"a": 1},
        "status": {},
    }


def test_of_a_pod_what_its_containers_say_is_kept() -> None:
    container = {
        "name": "triton",
        "ready": True,
        "started": True,
        "restartCount": 2,
        "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 1, "message": "{}"}},
        "imageID": "sha256:…",
    }
    controller = {"kind": "ReplicaSet", "name": "r", "uid": "r1", "controller": True}
    trimmed = trim(
        "Pod",
        {
            "metadata": METADATA | {"ownerReferences": [{"kind": "Node"}, controller]},
            "spec": {"nodeName": "dev", "containers": [{"name": "triton"}]},
            "status": {
                "phase": "Running",
                "podIP": "10.0.0.1",
                "hostIP": "10.0.0.2",
                "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
                "containerStatuses": [container],
            },
        },
    )

    assert trimmed["metadata"]["labels"] == {"modelservice.io/name": "x"}
    assert trimmed["metadata"]["ownerReferences"] == [controller]
    assert trimmed["spec"] == {"nodeName": "dev"}
    assert trimmed["status"] == {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [],
        "containerStatuses": [{name: container[name] for name in container if name != "imageID"}],
    }


@pytest.mark.parametrize(
    ("kind", "noise"),
    [
        ("HorizontalPodAutoscaler", {"currentMetrics": [{"value": "12m"}], "lastScaleTime": "x"}),
        ("PodDisruptionBudget", {"currentHealthy": 2, "disruptionsAllowed": 1}),
        ("Service", {"loadBalancer": {}}),
        ("Deployment", {"collisionCount": 1}),
        ("Job", {"uncountedTerminatedPods": {"failed": ["a"]}}),
    ],
)
def test_status_that_nobody_reads_makes_no_change(kind: str, noise: Manifest) -> None:
    quiet = trim(kind, {"metadata": METADATA, "status": {}})

    assert trim(kind, {"metadata": METADATA, "status": noise}) == quiet


def test_a_deployments_status_is_kept_with_its_generation() -> None:
    condition = {"type": "Available", "status": "True", "lastUpdateTime": "noise"}
    status = {"observedGeneration": 3, "readyReplicas": 1, "conditions": [condition]}

    assert trim("Deployment", {"metadata": METADATA, "status": status})["status"] == {
        "observedGeneration": 3,
        "readyReplicas": 1,
        "generation": 3,
        "conditions": [{"type": "Available", "status": "True"}],
    }


def test_a_revision_keeps_its_data() -> None:
    data = {"template": {"a": [1, 2]}}

    trimmed = trim("ControllerRevision", {"metadata": METADATA, "data": data, "revision": 4})

    assert trimmed["owned"]["data"] == data
    assert trimmed["owned"]["revision"] == 4


def test_a_version_is_kept_whole() -> None:
    trimmed = trim("ModelVersion", {"metadata": METADATA, "spec": {"version": 1}})

    assert trimmed["spec"] == {"version": 1}
    assert trimmed["metadata"]["labels"] == METADATA["labels"]
    assert "annotations" not in trimmed["metadata"]


def test_what_is_trimmed_is_json() -> None:
    for kind in ("ModelService", "ModelVersion", "Pod", "Deployment", "ControllerRevision"):
        json.dumps(trim(kind, {"metadata": METADATA}))
