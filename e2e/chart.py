"""The chart, rendered by the real Helm: for every test of it, and for the security suite."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "modelservice-operator"
RELEASE = "modelservice-operator"
NAMESPACE = "modelservice-system"
# The one value without which nothing can be installed.
REGISTRY = "--set=images.registry=registry.example.com/modelservice"
DEVELOPMENT = f"--values={ROOT / 'e2e' / 'values-dev.yaml'}"

Values = dict[str, Any]
Manifest = dict[str, Any]

# What people set, each alone: the profiles that tests and scanners look at beside the defaults.
OPTIONS: dict[str, Values] = {
    "digests": {
        "images": {
            "operator": {"digest": f"sha256:{'0' * 64}"},
            "triton": {"digest": f"sha256:{'1' * 64}", "registry": "mirror.example.com"},
        }
    },
    "existing-service-account": {"serviceAccount": {"create": False, "name": "platform-team"}},
    "labels": {
        "commonLabels": {"team": "ml", "app.kubernetes.io/name": "not-yours-to-change"},
        "serviceAccount": {"annotations": {"example.com/role": "operator"}},
    },
    "name": {"fullnameOverride": "models"},
    "network-policy": {
        "networkPolicy": {
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}],
        }
    },
    "no-network-policy": {"networkPolicy": {"enabled": False}},
    "one-replica": {"operator": {"replicas": 1}},
    "placement": {
        "operator": {
            "imagePullSecrets": ["registry"],
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "podLabels": {"team": "ml", "app.kubernetes.io/name": "not-yours-to-change"},
            "podAnnotations": {"example.com/log": "yes"},
        }
    },
    "no-push": {"push": {"enabled": False}},
    "keys-by-hand": {"push": {"createKey": False, "secretName": "my-push-keys"}},
    "no-protection": {"registry": {"protectUsedVersions": False}},
    "no-retention": {"registry": {"retention": False}},
    "rights-elsewhere": {"rbac": {"create": False, "aggregate": False}},
    "service-monitor": {
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    },
}


class RefusedError(Exception):
    """Helm did not render: the message is what a user reads."""


def run(helm: Path, *arguments: str, values: Values | None = None) -> str:
    """Helm's standard output, with `values` handed over as its first values file."""
    done = subprocess.run(
        [helm, *arguments, "--values=-"],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RefusedError(done.stderr)
    return done.stdout


def template(helm: Path, *arguments: str, values: Values | None = None) -> str:
    """The whole chart as YAML, as `helm install` would send it."""
    return run(
        helm, "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", *arguments, values=values
    )


def manifests(helm: Path, *arguments: str, values: Values | None = None) -> list[Manifest]:
    """The same as parsed objects, with a registry."""
    text = template(helm, REGISTRY, *arguments, values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def only(documents: list[Manifest], *, kind: str, name: str = RELEASE) -> Manifest:
    """The one object of that kind and name."""
    (found,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    return found


def leaves(values: Values, prefix: str = "") -> dict[str, Any]:
    """Every value by its dotted path, as `--set` names it; an empty map is a leaf."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{path}.")
        else:
            found[path] = value
    return found
