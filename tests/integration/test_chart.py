"""The chart against a real API server: accepted, least rights, install, upgrade, uninstall.

It has a control plane of its own: Helm refuses to install CRDs that other tests have applied.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from e2e.chart import CHART, NAMESPACE, OPTIONS, REGISTRY, RELEASE, ROOT, Manifest, manifests
from e2e.cluster import tools
from e2e.cluster.client import MERGE, Client, Refused, eventually
from e2e.cluster.controlplane import ControlPlane

SERVICES = "/apis/modelservice.io/v1alpha1/namespaces/default/modelservices"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICE_CRD = f"{CRDS}/modelservices.modelservice.io"
NO_HOOKS = "--no-hooks"  # nothing runs the Job that makes a key: there are no nodes
STRICT = "dryRun=All&fieldValidation=Strict"

Helm = Callable[..., str]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        plane.client.apply(
            f"/api/v1/namespaces/{NAMESPACE}",
            body={
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": NAMESPACE, "labels": labels},
            },
        )
        yield plane


@pytest.fixture(scope="module")
def helm(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm on that API server, with nothing of the user's own configuration."""
    home = tmp_path_factory.mktemp("helm")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KUBECONFIG": str(plane.kubeconfig),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [tools.binary("helm"), *arguments, f"--namespace={NAMESPACE}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def installed(plane: ControlPlane, helm: Helm) -> Iterator[str]:
    """The notes of an installation, gone again after the test (but for what Helm keeps)."""
    yield helm("install", RELEASE, str(CHART), REGISTRY, NO_HOOKS)
    if RELEASE in helm("list", "--short"):
        helm("uninstall", RELEASE)


def established(client: Client) -> bool:
    crd = client.get(SERVICE_CRD) or {}
    conditions = crd.get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def collection(client: Client, manifest: Manifest) -> str:
    """The path where the API server takes objects of this kind."""
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    resources = json.loads(client.text("GET", root))["resources"]
    (found,) = [r for r in resources if r["kind"] == manifest["kind"] and "/" not in r["name"]]
    inside = f"/namespaces/{manifest['metadata']['namespace']}" if found["namespaced"] else ""
    return f"{root}{inside}/{found['name']}"


@pytest.mark.parametrize("option", ["default", *(OPTIONS.keys() - {"service-monitor"})])
def test_api_server_accepts_every_object_and_knows_its_fields(
    plane: ControlPlane, option: str
) -> None:
    client = plane.client
    for manifest in manifests(tools.binary("helm"), values=OPTIONS.get(option)):
        if manifest["kind"] == "CustomResourceDefinition" and client.get(SERVICE_CRD):
            continue
        client.text("POST", f"{collection(client, manifest)}?{STRICT}", body=manifest)


def test_operator_pod_is_admitted_where_only_restricted_pods_are(plane: ControlPlane) -> None:
    (deployment,) = [m for m in manifests(tools.binary("helm")) if m["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    template["metadata"]["name"] = "operator"
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?{STRICT}"
    plane.client.text("POST", path, body=pod)


# (verb, resource, namespace) → allowed
RIGHTS = {
    ("watch", "modelservice.io/modelservices", ""): True,
    ("patch", "modelservice.io/modelservices/status", "default"): True,
    ("patch", "modelservice.io/modelversions/status", "default"): True,
    ("watch", "modelservice.io/modelgrants", ""): True,
    ("create", "apps/deployments", "default"): True,
    ("get", "coordination.k8s.io/leases", NAMESPACE): True,
    ("patch", "modelservice.io/modelservices", "default"): False,
    ("delete", "modelservice.io/modelversions", "default"): True,
    ("patch", "modelservice.io/modelversions", "default"): False,
    ("create", "modelservice.io/modelgrants", "default"): False,
    ("get", "/secrets", NAMESPACE): False,
    ("create", "/pods", "default"): False,
    ("create", "/pods/exec", "default"): False,
    ("get", "coordination.k8s.io/leases", "kube-system"): False,
    ("create", "rbac.authorization.k8s.io/clusterrolebindings", ""): False,
}


@pytest.mark.usefixtures("installed")
def test_operator_may_do_its_work_and_nothing_else(plane: ControlPlane) -> None:
    assert {case: may(plane.client, *case) for case in RIGHTS} == RIGHTS


def may(client: Client, verb: str, resource: str, namespace: str) -> bool:
    """What the API server's authorizer says of the operator's service account."""
    group, plural, subresource = (*resource.split("/"), "")[:3]
    spec = {
        "user": f"system:serviceaccount:{NAMESPACE}:{RELEASE}",
        "resourceAttributes": {
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "verb": verb,
            "namespace": namespace,
            "name": RELEASE,
        },
    }
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = json.loads(client.text("POST", path, body=review))
    return bool(answer["status"]["allowed"])


VERSIONS = "/apis/modelservice.io/v1alpha1/namespaces/{}/modelversions"
USED = [f"serving/s{number:02}" for number in range(32)]


@pytest.mark.usefixtures("installed")
def test_a_used_version_is_not_deleted(plane: ControlPlane) -> None:
    client = plane.client
    name = published(client, "default", status={"usedBy": USED, "users": 40})
    enforced(client, "default")
    told = refused(client, f"{VERSIONS.format('default')}/{name}")
    assert f"ModelVersion {name} is used by ModelService serving/s00, serving/s01" in told
    assert "serving/s31 and others (40 in all): let these services serve another" in told
    assert "is used by" in refused(client, VERSIONS.format("default")), "nor with all others"

    written(client, "default", name, status={})
    assert refused(client, f"{VERSIONS.format('default')}/{name}") == ""


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("value", "goes"), [("true", True), ("false", False), ("", False)])
def test_the_owner_of_a_used_version_has_the_last_word(
    plane: ControlPlane, value: str, goes: bool
) -> None:
    """The harm: a service of others holds a version that its owner wants to be gone."""
    client = plane.client
    name = published(client, "default", status={"usedBy": ["serving/s"], "users": 1})
    enforced(client, "default")
    path = f"{VERSIONS.format('default')}/{name}"
    annotations = {"modelservice.io/delete-while-used": value, "example.com/note": "x"}
    client.text("PATCH", path, body={"metadata": {"annotations": annotations}}, content_type=MERGE)
    assert (refused(client, path) == "") == goes
    if not goes:
        written(client, "default", name, status={})
        assert refused(client, path) == ""


@pytest.mark.usefixtures("installed")
def test_a_version_that_is_not_used_may_go(plane: ControlPlane) -> None:
    name = published(plane.client, "default", status={"users": 0})
    assert refused(plane.client, f"{VERSIONS.format('default')}/{name}") == ""


@pytest.mark.usefixtures("installed")
def test_a_namespace_takes_its_used_versions_along(plane: ControlPlane) -> None:
    """The harm: a namespace that stays Terminating for ever."""
    client = plane.client
    client.apply(
        "/api/v1/namespaces/going",
        body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "going"}},
    )
    published(client, "going", status={"usedBy": ["going/s"], "users": 1})
    enforced(client, "going")
    client.text("DELETE", "/api/v1/namespaces/going")
    # as the namespace controller does, which tries again
    assert eventually(lambda: not refused(client, VERSIONS.format("going")), seconds=30)
    assert json.loads(client.text("GET", VERSIONS.format("going")))["items"] == []


def published(client: Client, namespace: str, *, status: Manifest) -> str:
    """The name of a new version with this status."""
    assert eventually(partial(established, client), seconds=10)
    artifact = {"uri": "s3://models/m.onnx", "digest": f"sha256:{'0' * 64}", "size": 1}
    body = {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"generateName": "used-"},
        "spec": {"model": "m", "version": 1, "format": "ONNX", "artifact": artifact},
    }
    made = json.loads(client.text("POST", VERSIONS.format(namespace), body=body))
    written(client, namespace, made["metadata"]["name"], status=status)
    return str(made["metadata"]["name"])


def written(client: Client, namespace: str, name: str, *, status: Manifest) -> None:
    path = f"{VERSIONS.format(namespace)}/{name}/status"
    patch = [{"op": "add", "path": "/status", "value": status}]
    client.text("PATCH", path, body=patch, content_type="application/json-patch+json")


def enforced(client: Client, namespace: str) -> None:
    """The API server knows the policy: it takes a moment after the installation."""
    trial = f"{VERSIONS.format(namespace)}?dryRun=All"
    assert eventually(lambda: "is used by" in refused(client, trial), seconds=30)


def refused(client: Client, path: str) -> str:
    """What the API server says to the deletion; nothing if it does it."""
    try:
        client.text("DELETE", path)
    except Refused as refusal:
        return str(refusal)
    return ""


def test_what_the_tutorial_shows_is_accepted(plane: ControlPlane, installed: str) -> None:
    assert "docs/tutorial.md" in installed
    assert eventually(partial(established, plane.client), seconds=10)
    text = (ROOT / "docs" / "tutorial.md").read_text()
    services = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(services) == 3
    for service in services:
        plane.client.text("POST", f"{SERVICES}?{STRICT}", body=yaml.safe_load(service))


def test_upgrade_brings_new_fields_and_uninstall_keeps_what_users_made(
    plane: ControlPlane, helm: Helm, tmp_path: Path
) -> None:
    client = plane.client
    old = tmp_path / "chart"
    shutil.copytree(CHART, old)
    without_a_field(next((old / "files" / "crds").glob("*_modelservices.yaml")), "suspend")

    helm("install", RELEASE, str(old), REGISTRY, NO_HOOKS)
    assert "suspend" not in spec_fields(client)
    assert eventually(partial(established, client), seconds=10)
    service = {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "kept"},
        "spec": {"models": [{"name": "m", "source": {"uri": "s3://models/m.onnx"}}]},
    }
    made = json.loads(client.text("POST", SERVICES, body=service))

    helm("upgrade", RELEASE, str(CHART), REGISTRY, NO_HOOKS)
    assert "suspend" in spec_fields(client)

    helm("uninstall", RELEASE)
    assert client.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}") is None
    assert client.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{RELEASE}") is None
    kept = client.get(f"{SERVICES}/kept")
    assert kept is not None
    assert kept["metadata"]["uid"] == made["metadata"]["uid"]

    helm("install", RELEASE, str(CHART), REGISTRY, NO_HOOKS)
    kept = client.get(f"{SERVICES}/kept")
    assert kept is not None
    assert kept["metadata"]["uid"] == made["metadata"]["uid"]
    helm("uninstall", RELEASE)


def test_uninstall_takes_everything_where_that_is_asked_for(
    plane: ControlPlane, helm: Helm
) -> None:
    helm("install", RELEASE, str(CHART), REGISTRY, NO_HOOKS, "--set=crds.keep=false")
    helm("uninstall", RELEASE)
    assert eventually(lambda: plane.client.get(SERVICE_CRD) is None, seconds=10)


def without_a_field(path: Path, name: str) -> None:
    crd = yaml.safe_load(path.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["spec"]["properties"][name]
    path.write_text(yaml.safe_dump(crd))


def spec_fields(client: Client) -> set[str]:
    crd = client.get(SERVICE_CRD)
    assert crd is not None
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return set(schema["properties"]["spec"]["properties"])
