"""What a request is about, and that nothing of another namespace can come of it."""

from __future__ import annotations

import pytest

from e2e.faults.target import APPLY, Target, target

SCOPE = "plan-1"
SERVICES = "/apis/modelservice.io/v1alpha1"


def read(method: str, path: str, *, watch: bool = False, content_type: str = "") -> Target:
    query = {"watch": "true"} if watch else {}
    return target(method, path, query=query, content_type=content_type, scope=SCOPE)


@pytest.mark.parametrize(
    ("path", "scoped", "kind"),
    [
        ("/api/v1/pods", "/api/v1/namespaces/plan-1/pods", "Pod"),
        ("/apis/apps/v1/deployments", "/apis/apps/v1/namespaces/plan-1/deployments", "Deployment"),
        (
            f"{SERVICES}/modelservices",
            f"{SERVICES}/namespaces/plan-1/modelservices",
            "ModelService",
        ),
    ],
)
def test_the_whole_cluster_becomes_one_namespace(path: str, scoped: str, kind: str) -> None:
    for watch in (False, True):
        found = read("GET", path, watch=watch)
        assert (found.path, found.kind, found.namespace) == (scoped, kind, SCOPE)
        assert found.verb == ("watch" if watch else "list")


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/readyz", "/"])
def test_what_has_no_namespace_passes(path: str) -> None:
    found = read("GET", path)
    assert (found.path, found.resource, found.verb) == (path, False, "get")


def test_a_namespace_itself_passes() -> None:
    assert read("GET", "/api/v1/namespaces").path == "/api/v1/namespaces"
    found = read("GET", "/api/v1/namespaces/plan-1")
    assert (found.path, found.name) == ("/api/v1/namespaces/plan-1", "plan-1")


@pytest.mark.parametrize(
    ("method", "content_type", "verb"),
    [
        ("GET", "", "get"),
        ("POST", "", "create"),
        ("PUT", "", "update"),
        ("PATCH", APPLY, "apply"),
        ("PATCH", "application/merge-patch+json", "patch"),
        ("DELETE", "", "delete"),
    ],
)
def test_verbs(method: str, content_type: str, verb: str) -> None:
    path = f"{SERVICES}/namespaces/plan-1/modelservices/a/status"
    found = read(method, path, content_type=content_type)
    assert found == Target(
        verb=verb,
        path=path,
        kind="ModelService",
        namespace="plan-1",
        name="a",
        subresource="status",
    )


def test_a_kind_that_is_not_known_is_called_by_its_plural() -> None:
    assert read("GET", "/apis/keda.sh/v1alpha1/scaledobjects").kind == "scaledobjects"
