"""Rights granted by the chart and rights used according to the audit log, as the same thing: sets
of (verb, resource), `resource` written `group/resource/subresource`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
Right = tuple[str, str]

READS_SECRETS = frozenset({"get", "list", "watch", "*"})
ESCALATES = frozenset({"escalate", "bind", "impersonate"})


def granted(manifests: Iterable[Manifest], *, account: str) -> frozenset[Right]:
    """What the Roles and ClusterRoles say that are bound to the service account `account`."""
    documents = list(manifests)
    roles = {
        (document["kind"], document["metadata"]["name"]): document
        for document in documents
        if document["kind"] in {"Role", "ClusterRole"}
    }
    found: set[Right] = set()
    for document in documents:
        if document["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        if not any(subject["name"] == account for subject in document["subjects"]):
            continue
        reference = document["roleRef"]
        found |= _of_role(roles[reference["kind"], reference["name"]])
    return frozenset(found)


def _of_role(role: Manifest) -> set[Right]:
    return {
        (verb, f"{group}/{resource}")
        for rule in role["rules"]
        for verb, group, resource in product(
            rule["verbs"], rule.get("apiGroups", [""]), rule.get("resources", [])
        )
    }


@dataclass(frozen=True)
class Request:
    """One line of the audit log."""

    user: str
    right: Right
    status: int
    path: str
    annotations: dict[str, str]

    @property
    def refused(self) -> bool:
        """Whether RBAC refused it (admission and quotas refuse with 403 too)."""
        return self.annotations.get("authorization.k8s.io/decision") == "forbid"


def requests(log: Path) -> Iterator[Request]:
    """All finished requests of the audit log; those for no resource have an empty resource."""
    with log.open() as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:  # the last line, half written
                return
            reference = event.get("objectRef") or {}
            resource = ""
            if "resource" in reference:
                parts = [reference.get("apiGroup", ""), reference["resource"]]
                parts += [reference["subresource"]] if "subresource" in reference else []
                resource = "/".join(parts)
            yield Request(
                user=(event.get("impersonatedUser") or event["user"])["username"],
                right=(event["verb"], resource),
                status=(event.get("responseStatus") or {}).get("code", 0),
                path=event["requestURI"],
                annotations=event.get("annotations") or {},
            )


def used(found: Iterable[Request], *, user: str) -> frozenset[Right]:
    """The rights that a user's requests needed, whether they had them or not."""
    needed: set[Right] = set()
    for request in found:
        verb, resource = request.right
        if request.user != user or not resource:
            continue
        needed.add(request.right)
        if verb == "patch" and request.status == 201:
            needed.add(("create", resource))  # an apply that creates needs both
    return frozenset(needed)


def dangerous(rights: Iterable[Right]) -> list[str]:
    """Rights that nothing of ours may have: wildcards, Secrets, ways to more rights."""
    wrong = []
    for verb, resource in sorted(rights):
        parts = resource.split("/")
        forbidden = (
            "*" in {verb, *parts}
            or (parts[1] == "secrets" and verb in READS_SECRETS)
            or verb in ESCALATES
            or parts[0] == "rbac.authorization.k8s.io"
            or parts[1:] in (["pods", "exec"], ["pods", "attach"], ["nodes", "proxy"])
            or parts[1:] == ["serviceaccounts", "token"]
        )
        if forbidden:
            wrong.append(told((verb, resource)))
    return wrong


def told(right: Right) -> str:
    """`get apps/deployments`."""
    verb, resource = right
    return f"{verb} {resource.removeprefix('/')}"
