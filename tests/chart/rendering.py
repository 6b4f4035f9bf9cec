"""Rendering the chart with the real Helm, for every test of it (tests/integration too)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "modelservice-operator"
RELEASE = "modelservice-operator"
NAMESPACE = "modelservice-system"
# The one value without which nothing can be installed.
REGISTRY = "--set=images.registry=registry.example.com/modelservice"

Values = dict[str, Any]
Manifest = dict[str, Any]


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
