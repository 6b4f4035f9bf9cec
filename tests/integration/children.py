"""Objects as the operator writes them, as rich as its own, and as others would."""

from __future__ import annotations

import copy
from typing import Any
from uuid import uuid4

from modelservice_operator.kube.kinds import BY_NAME

Manifest = dict[str, Any]

UID = "11111111-1111-1111-1111-111111111111"
LABELS = {
    "app.kubernetes.io/managed-by": "modelservice-operator",
    "modelservice.io/name": "digits",
}


def owner(uid: str = UID, *, name: str = "digits") -> Manifest:
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "name": name,
        "uid": uid,
        "controller": True,
    }


def service_spec() -> Manifest:
    return {"models": [{"name": "digits", "source": {"uri": "s3://models/digits.onnx"}}]}


def pod_spec(**more: Any) -> Manifest:
    """A container as rich as ours: ports, probes, mounts, resources, lists of every merge kind."""
    return {
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "initContainers": [
            {"name": "fetch", "image": "agent:1", "command": ["modelservice-fetch"]},
            {
                "name": "agent",
                "image": "agent:1",
                "restartPolicy": "Always",
                "ports": [{"name": "metrics", "containerPort": 8002}],
            },
        ],
        "containers": [
            {
                "name": "triton",
                "image": "triton:1",
                "command": ["/bin/sh", "-c", "exec tritonserver"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [
                    {"name": "http", "containerPort": 8000},
                    {"name": "grpc", "containerPort": 8001, "protocol": "TCP"},
                ],
                "readinessProbe": {
                    "httpGet": {"path": "/readyz", "port": 8003},
                    "periodSeconds": 5,
                },
                "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": 8003}}},
                "resources": {
                    "requests": {"cpu": "500m", "memory": "1Gi"},
                    "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [
                    {"name": "models", "mountPath": "/models", "readOnly": True},
                    {"name": "shm", "mountPath": "/dev/shm"},
                ],
            }
        ],
        "volumes": [
            {"name": "models", "emptyDir": {"sizeLimit": "10Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "config", "configMap": {"name": "digits-1"}},
            {"name": "secret", "secret": {"secretName": "modelservice-storage", "optional": True}},
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"modelservice.io/name": "digits"}},
            }
        ],
        **more,
    }


_SELECTOR = {"modelservice.io/name": "digits"}
_SPECS: dict[str, Manifest] = {
    "Deployment": {
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _SELECTOR},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "template": {"metadata": {"labels": LABELS}, "spec": pod_spec()},
        }
    },
    "Service": {
        "spec": {
            "selector": _SELECTOR,
            "ports": [
                {"name": "http", "port": 8000, "targetPort": "http"},
                {"name": "grpc", "port": 8001, "targetPort": "grpc", "appProtocol": "grpc"},
            ],
        }
    },
    "ConfigMap": {"data": {"models.json": '{"models": []}', "note": "kept"}},
    "PodDisruptionBudget": {
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": _SELECTOR},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    },
    "NetworkPolicy": {
        "spec": {
            "podSelector": {"matchLabels": _SELECTOR},
            "policyTypes": ["Ingress"],
            # an atomic list: the server's defaults are inside our own value, so they are stated
            "ingress": [{"ports": [{"port": 8000, "protocol": "TCP"}]}],
        }
    },
    "HorizontalPodAutoscaler": {
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "modelservice.io/v1alpha1",
                "kind": "ModelService",
                "name": "digits",
            },
            "minReplicas": 1,
            "maxReplicas": 4,
            "metrics": [
                {
                    "type": "ContainerResource",
                    "containerResource": {
                        "name": "cpu",
                        "container": "triton",
                        "target": {"type": "Utilization", "averageUtilization": 70},
                    },
                }
            ],
        }
    },
    "Job": {
        "spec": {
            "backoffLimit": 3,
            "suspend": False,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": "triton",
                            "operator": "In",
                            "values": [42, 43],
                        },
                    }
                ]
            },
            "template": {
                "metadata": {"labels": LABELS},
                "spec": pod_spec(restartPolicy="Never"),
            },
        }
    },
    "ControllerRevision": {"revision": 1, "data": {"template": {"a": 1}}},
}
# Kinds that are kept equal to their manifest; the others are written once.
APPLIED = tuple(kind for kind in _SPECS if kind != "ControllerRevision")
KINDS = tuple(_SPECS)


def child(kind: str, *, namespace: str, name: str = "digits", uid: str = UID) -> Manifest:
    """A child as rich as the operator's own."""
    return {
        "apiVersion": BY_NAME[kind].api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(LABELS),
            "ownerReferences": [owner(uid)],
        },
        **copy.deepcopy(_SPECS[kind]),
    }


def foreign(kind: str, *, namespace: str, controller: Manifest | None = None) -> Manifest:
    """An object of somebody else with the name that `child` has."""
    manifest = child(kind, namespace=namespace)
    metadata = {"name": "digits", "namespace": namespace, "labels": {"team": "other"}}
    if controller is not None:
        metadata["ownerReferences"] = [controller]
    return manifest | {"metadata": metadata}


def fresh_uid() -> str:
    return str(uuid4())
