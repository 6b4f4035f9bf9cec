"""Rights are compared as the API server judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from e2e.security import rights

OPERATOR = "system:serviceaccount:ns:operator"


def role(*rules: dict[str, list[str]], kind: str = "ClusterRole") -> list[dict[str, Any]]:
    """A role of these rules, bound to the service account `operator`."""
    return [
        {"kind": kind, "metadata": {"name": "r"}, "rules": list(rules)},
        {
            "kind": f"{kind}Binding",
            "metadata": {"name": "r"},
            "roleRef": {"kind": kind, "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator"}],
        },
    ]


def rule(group: str, resource: str, *verbs: str) -> dict[str, list[str]]:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


def test_what_is_bound_is_granted() -> None:
    documents = role(rule("", "pods", "list", "watch"))
    assert rights.granted(documents, account="operator") == {("list", "/pods"), ("watch", "/pods")}
    assert rights.granted(documents, account="somebody") == frozenset()


def logged(folder: Path, *events: dict[str, Any]) -> list[rights.Request]:
    log = folder / "audit.log"
    log.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"half": ')
    return list(rights.requests(log))


def event(verb: str, resource: str, *, user: str = OPERATOR, **more: Any) -> dict[str, Any]:
    group, _, name = resource.rpartition("/")
    return {
        "verb": verb,
        "user": {"username": user},
        "requestURI": f"/{resource}",
        "objectRef": {"apiGroup": group, "resource": name, **more.pop("reference", {})},
        "responseStatus": {"code": more.pop("code", 200)},
        **more,
    }


def test_what_is_asked_is_used(tmp_path: Path) -> None:
    log = logged(
        tmp_path,
        event("patch", "apps/deployments"),
        event("patch", "apps/controllers", code=201),
        event("patch", "modelservice.io/modelservices", reference={"subresource": "status"}),
        event("get", "secrets", user="somebody"),
        {"verb": "get", "user": {"username": OPERATOR}, "requestURI": "/readyz"},
    )
    assert rights.used(log, user=OPERATOR) == {
        ("patch", "apps/deployments"),
        ("patch", "apps/controllers"),
        ("create", "apps/controllers"),  # an apply that created
        ("patch", "modelservice.io/modelservices/status"),
    }


def test_what_is_refused_was_needed_too(tmp_path: Path) -> None:
    forbidden = {"authorization.k8s.io/decision": "forbid"}
    (request,) = logged(tmp_path, event("get", "secrets", code=403, annotations=forbidden))
    assert request.refused
    assert rights.used([request], user=OPERATOR) == {("get", "/secrets")}


def test_dangerous_rights_are_found() -> None:
    harmless = {("list", "/pods"), ("create", "/secretsx"), ("get", "apps/deployments")}
    assert rights.dangerous(harmless) == []
    for right in (
        ("*", "/pods"),
        ("get", "*/*"),
        ("get", "/*"),
        ("list", "/secrets"),
        ("create", "/pods/exec"),
        ("create", "/serviceaccounts/token"),
        ("get", "/nodes/proxy"),
        ("bind", "rbac.authorization.k8s.io/roles"),
        ("impersonate", "/users"),
    ):
        assert rights.dangerous({*harmless, right}) == [rights.told(right)]
