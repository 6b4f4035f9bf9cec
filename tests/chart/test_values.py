"""A wrong value is refused before anything is installed, with its place and the rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.chart import CHART, REGISTRY, ROOT, RefusedError, Values, leaves, template

VALUES: Values = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replicas": 3}, "additional properties 'replicas' not allowed"),
        ({"operator": {"replica": 3}}, "at '/operator': additional properties 'replica'"),
        ({"operator": {"replicas": 0}}, "at '/operator/replicas': minimum: got 0, want 1"),
        ({"operator": {"replicas": "2"}}, "at '/operator/replicas': got string, want integer"),
        ({"operator": {"logLevel": "loud"}}, "one of 'debug', 'info', 'warning', 'error'"),
        ({"imagePullPolicy": "Sometimes"}, "one of 'Always', 'IfNotPresent', 'Never'"),
        ({"images": {"agent": {"digest": "sha256:12"}}}, "at '/images/agent/digest'"),
        ({"images": {"triton": {"tag": "a b"}}}, "at '/images/triton/tag'"),
        ({"storage": {"uri": "s3://models"}}, "at '/storage/uri': 's3://models' does not match"),
        ({"storage": {"uri": "https://models/"}}, "at '/storage/uri'"),
        ({"storage": {"endpoint": "s3.example.com"}}, "at '/storage/endpoint'"),
        ({"storage": {"endpoint": "https://me:secret@s3.example.com"}}, "at '/storage/endpoint'"),
        ({"storage": {"endpoint": "https://s3.example.com?key=secret"}}, "at '/storage/endpoint'"),
        ({"storage": {"uri": "s3://models/a?key=secret/"}}, "at '/storage/uri'"),
        ({"storage": {"secretName": ""}}, "at '/storage/secretName'"),
        ({"security": {"allowedPodLabels": ["a*"]}}, "at '/security/allowedPodLabels/0'"),
        ({"security": {"allowPythonModels": "yes"}}, "at '/security/allowPythonModels'"),
        ({"security": {"allowedPodAnnotations": ["/x"]}}, "/security/allowedPodAnnotations/0'"),
        ({"security": {"allowedNetworks": ["10.0.0.1"]}}, "at '/security/allowedNetworks/0'"),
        ({"security": {"trust": {"requireSignature": True}}}, "at '/security/trust"),
        ({"security": {"trust": {"publicKeys": ["AAAA"]}}}, "at '/security/trust/publicKeys/0'"),
        ({"security": {"trust": {"key": "x"}}}, "additional properties 'key' not allowed"),
        ({"push": {"enabled": "yes"}}, "at '/push/enabled'"),
        ({"push": {"secretName": "A"}}, "at '/push/secretName'"),
        ({"push": {"key": "x"}}, "at '/push': additional properties 'key' not allowed"),
        ({"triton": {"backends": []}}, "at '/triton/backends': minItems: got 0, want 1"),
        ({"triton": {"backends": ["onnxruntime"]}}, "at '/triton/backends'"),
        ({"imagePullSecrets": [{"name": "a"}]}, "at '/imagePullSecrets/0': got object"),
        (
            {"resources": {"agent": {"requests": {"cpu": None}}}},
            "at '/resources/agent/requests': missing property 'cpu'",
        ),
        ({"resources": {"triton": {"limits": {"memory": "4GB"}}}}, "/triton/limits/memory'"),
        ({"resources": {"gpu": {}}}, "at '/resources': additional properties 'gpu' not allowed"),
    ],
)
def test_schema_refuses(helm: Path, values: Values, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        template(helm, REGISTRY, values=values)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "images.registry: set the registry that holds the operator's images"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: name the account to use"),
    ],
)
def test_what_only_the_user_can_know_is_asked_for(helm: Path, values: Values, message: str) -> None:
    arguments = [REGISTRY] if values else []
    with pytest.raises(RefusedError) as refused:
        template(helm, *arguments, values=values)
    assert message in str(refused.value)


def test_older_kubernetes_is_refused(helm: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        template(helm, REGISTRY, "--kube-version=1.32.9")
    assert ">=1.33" in str(refused.value)
    template(helm, REGISTRY, "--kube-version=1.33.4-gke.1000")


def test_a_subchart_may_be_given_globals(helm: Path) -> None:
    template(helm, REGISTRY, values={"global": {"team": "ml"}})


def test_schema_knows_every_default_and_nothing_more() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert keys_of(schema, definitions=schema["definitions"]) - {"global"} == set(leaves(VALUES))


def keys_of(schema: dict[str, Any], *, definitions: dict[str, Any], prefix: str = "") -> set[str]:
    """The paths of the values that a strict object schema admits."""
    if reference := schema.get("$ref"):
        schema = definitions[reference.removeprefix("#/definitions/")]
    if "properties" not in schema:
        return {prefix.removesuffix(".")}
    assert schema["additionalProperties"] is False, prefix
    nested = (
        keys_of(part, definitions=definitions, prefix=f"{prefix}{name}.")
        for name, part in schema["properties"].items()
    )
    # A limit of CPU is admitted and, on purpose, not a default.
    return {key for keys in nested for key in keys if not key.endswith("limits.cpu")}


def test_documented_values_are_the_values() -> None:
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
        for line in (ROOT / "docs" / "install.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {key: yaml.safe_load(default or '""') for key, default, *_ in rows}
    assert documented == leaves(VALUES)
