"""The operator's rights are what its kinds and verbs need, and nothing more."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from e2e.chart import RELEASE, Manifest, Values, manifests, only
from modelservice_operator.kube import kinds

HOOK = f"{RELEASE}-push-key"
READ = {"get", "list", "watch"}
WRITE = {"create", "patch", "delete"}
Rights = dict[tuple[str, str], set[str]]


def rights(role: Manifest) -> Rights:
    """(API group, resource) → verbs."""
    found: Rights = {}
    for rule in role["rules"]:
        for resource in product(rule["apiGroups"], rule["resources"]):
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_cluster_role_is_what_the_kinds_need(helm: Path) -> None:
    needed = {(kind.group, kind.plural): READ | WRITE for kind in kinds.CHILDREN}
    needed["apps", "controllerrevisions"] -= {"patch"}  # written once
    needed |= {
        ("modelservice.io", "modelservices"): READ,
        ("modelservice.io", "modelservices/status"): {"patch"},
        ("modelservice.io", "modelversions/status"): {"patch"},
        ("modelservice.io", "modelgrants"): READ - {"get"},
        ("modelservice.io", "modelversions"): READ | {"create", "delete"},  # retention
        ("", "pods"): READ - {"get"},
        ("", "events"): {"create"},
    }
    granted = rights(only(manifests(helm), kind="ClusterRole"))
    assert granted == needed
    assert {(kind.group, kind.plural) for kind in kinds.WATCHED} == {
        resource for resource, verbs in granted.items() if verbs >= {"list", "watch"}
    }


def test_versions_are_not_deleted_where_the_platform_does_not_want_it(helm: Path) -> None:
    documents = manifests(helm, values={"registry": {"retention": False}})
    granted = rights(only(documents, kind="ClusterRole"))
    assert granted["modelservice.io", "modelversions"] == READ | {"create"}


def test_lease_is_the_only_one_and_only_at_home(helm: Path) -> None:
    role = only(manifests(helm), kind="Role")
    assert role["metadata"]["namespace"] == "modelservice-system"
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["modelservice-operator"],
            "verbs": ["get", "update"],
        },
    ]


def test_what_makes_the_key_may_do_that_alone(helm: Path) -> None:
    """It cannot read a Secret, and who else runs in the namespace does not get its rights."""
    documents = manifests(helm)
    role = only(documents, kind="Role", name=HOOK)
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}]
    assert role["metadata"]["namespace"] == "modelservice-system"
    binding = only(documents, kind="RoleBinding", name=HOOK)
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": HOOK, "namespace": "modelservice-system"}
    ]
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] in {"Job", "Deployment"}]
    assert [pod["serviceAccountName"] for pod in pods] == [RELEASE, HOOK]


@pytest.mark.parametrize(
    "values",
    [
        {"push": {"enabled": False}},
        {"push": {"createKey": False}},
        {"rbac": {"create": False}},
    ],
    ids=str,
)
def test_who_does_not_want_it_gets_no_right_to_make_a_key(helm: Path, values: Values) -> None:
    assert [d for d in manifests(helm, values=values) if d["metadata"]["name"] == HOOK] == []


def test_nobody_gets_a_wildcard_a_secret_or_a_way_to_more_rights(helm: Path) -> None:
    documents = [d for d in manifests(helm) if d["metadata"]["name"] != HOOK]
    roles = [d for d in documents if d["kind"] in {"ClusterRole", "Role"}]
    assert len(roles) == 4
    for role in roles:
        for (group, resource), verbs in rights(role).items():
            assert "*" not in {group, resource, *verbs}
            assert group != "rbac.authorization.k8s.io"
            assert resource.split("/")[0] not in {"secrets", "serviceaccounts", "nodes"}
            assert not resource.endswith(("/exec", "/finalizers", "/token", "/proxy"))
            assert not verbs & {"escalate", "bind", "impersonate"}


def test_users_may_read_everything_and_write_no_status(helm: Path) -> None:
    documents = manifests(helm)
    view = rights(only(documents, kind="ClusterRole", name=f"{RELEASE}-view"))
    edit = rights(only(documents, kind="ClusterRole", name=f"{RELEASE}-edit"))
    assert all(verbs == READ for verbs in view.values())
    assert {resource for _, resource in edit} == {
        "modelgrants",
        "modelservices",
        "modelservices/scale",
        "modelversions",
    }
