"""The rendered settings are what the operator's own loader reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.chart import NAMESPACE, RELEASE, ROOT, Manifest, manifests, only
from modelservice_operator import settings
from modelservice_operator.api import names

DEVELOPMENT = f"--values={ROOT / 'e2e' / 'values-dev.yaml'}"


def document(helm: Path, *arguments: str) -> Any:
    config = only(manifests(helm, *arguments), kind="ConfigMap", name=f"{RELEASE}-platform")
    return yaml.safe_load(config["data"]["platform.yaml"])


def test_defaults_are_read(helm: Path) -> None:
    platform = settings.platform(document(helm))
    assert platform.images.agent == "registry.example.com/modelservice/agent:0.1.0"
    assert platform.triton.gpu
    assert platform.triton.backends == ("onnxruntime", "python", "pytorch", "tensorrt")
    assert not platform.allow_python_models
    assert platform.resources["fetch"]["requests"] == {"cpu": "100m", "memory": "256Mi"}


def test_development_values_are_read(helm: Path) -> None:
    platform = settings.platform(document(helm, DEVELOPMENT))
    assert platform.triton.backends == ("python",)
    assert not platform.triton.gpu
    assert platform.storage.endpoint == "http://s3.modelservice-system.svc:17070"
    assert platform.allowed_networks == ("198.18.0.0/15",)
    assert platform.allow_python_models


def checksum(documents: list[Manifest]) -> str:
    deployment = only(documents, kind="Deployment")
    text: str = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/platform"]
    return text


@pytest.mark.parametrize("change", ["storage.region=eu-central-1", "images.triton.tag=26.06-py3"])
def test_a_changed_setting_restarts_the_operator(helm: Path, change: str) -> None:
    assert checksum(manifests(helm)) == checksum(manifests(helm))
    assert checksum(manifests(helm)) != checksum(manifests(helm, f"--set={change}"))


def test_the_operator_understands_how_it_is_started(helm: Path) -> None:
    pod = only(manifests(helm), kind="Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    (variable,) = container["env"]
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    given = settings.parse(container["args"], environment={variable["name"]: "elsewhere"})
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    lease = only(manifests(helm), kind="Role")["rules"][1]["resourceNames"]

    assert given.namespace == "elsewhere"
    assert given.leader_elect
    assert [given.lease_name] == lease
    assert ports == {"health": given.health_port, "metrics": given.metrics_port}
    assert str(given.platform_file.parent) == container["volumeMounts"][0]["mountPath"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    secret = volumes[mounts[str(given.push_keys)]]["secret"]
    assert secret == {"secretName": f"{RELEASE}-push", "optional": True}
    assert pod_labels(helm).items() >= names.OPERATOR_LABELS.items()


def pod_labels(helm: Path) -> dict[str, str]:
    template = only(manifests(helm), kind="Deployment")["spec"]["template"]
    return dict(template["metadata"]["labels"])


def test_the_key_is_made_where_the_operator_looks_for_it(helm: Path) -> None:
    for values in ({}, {"push": {"secretName": "mine"}}, {"fullnameOverride": "models"}):
        documents = manifests(helm, values=values)
        (job,) = (d for d in documents if d["kind"] == "Job")
        (operator,) = (d for d in documents if d["kind"] == "Deployment")
        arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
        volumes = operator["spec"]["template"]["spec"]["volumes"]
        (secret,) = (volume["secret"]["secretName"] for volume in volumes if "secret" in volume)
        assert arguments == [f"--namespace={NAMESPACE}", f"--secret={secret}"]


def test_what_makes_the_key_comes_before_the_operator_and_leaves_nothing(helm: Path) -> None:
    made = [d for d in manifests(helm) if d["metadata"]["name"] == f"{RELEASE}-push-key"]
    assert {d["kind"] for d in made} == {"ServiceAccount", "Role", "RoleBinding", "Job"}
    for one in made:
        notes = one["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert notes["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert not [d for d in manifests(helm) if d["kind"] == "Secret"]
