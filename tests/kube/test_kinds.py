"""Paths of the kinds, and that names in them cannot lead elsewhere."""

from __future__ import annotations

import pytest

from modelservice_operator.kube.kinds import BY_NAME, CHILDREN, WATCHED


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Pod", "/api/v1/namespaces/a/pods/x"),
        ("Deployment", "/apis/apps/v1/namespaces/a/deployments/x"),
        ("ModelService", "/apis/modelservice.io/v1alpha1/namespaces/a/modelservices/x"),
    ],
)
def test_the_path_of_an_object(kind: str, path: str) -> None:
    assert BY_NAME[kind].path(namespace="a", name="x") == path
    assert BY_NAME[kind].path(namespace="a", name="x", subresource="status") == f"{path}/status"


def test_a_name_stays_in_its_place() -> None:
    path = BY_NAME["Pod"].path(namespace="a/b", name="../../secrets")
    assert path == "/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fsecrets"


def test_all_of_a_kind() -> None:
    assert BY_NAME["Job"].collection() == "/apis/batch/v1/jobs"


def test_children_and_pods_are_narrowed_to_ours() -> None:
    ours = "app.kubernetes.io/managed-by=modelservice-operator"
    assert {kind.selector for kind in CHILDREN} == {ours}
    assert BY_NAME["Pod"].selector == ours
    assert {kind.kind for kind in WATCHED if kind.selector is None} == {
        "ModelGrant",
        "ModelService",
        "ModelVersion",
    }


def test_secrets_are_not_among_the_kinds() -> None:
    assert "Secret" not in BY_NAME
