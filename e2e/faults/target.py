"""What a request is about, read from its line, and how it is confined to one namespace.

The operator lists and watches the whole cluster. Plans run side by side on one API server and must
not see each other, so cluster-wide lists and watches of namespaced kinds become those of the plan's
namespace (`scoped`); all else passes as it is. The answers have the same form, and a namespaced
list's resourceVersion is the cluster's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from modelservice_operator.kube.kinds import BY_NAME

APPLY: Final = "application/apply-patch+yaml"

# (group, plural) → kind; what is not there is told by its plural.
KINDS: Final[Mapping[tuple[str, str], str]] = {
    (kind.group, kind.plural): kind.kind for kind in BY_NAME.values()
}
# What the operator reads that has no namespace: never scoped.
CLUSTER_WIDE: Final = frozenset({"namespaces", "nodes", "customresourcedefinitions"})

_VERBS: Final = {"POST": "create", "PUT": "update", "DELETE": "delete", "HEAD": "get"}


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is where it is sent. `kind` is empty for discovery and health (`resource` False)."""

    verb: str
    path: str
    kind: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def resource(self) -> bool:
        return bool(self.kind)


def target(
    method: str, path: str, *, query: Mapping[str, str], content_type: str, scope: str
) -> Target:
    """Read a request; `scope` is the namespace that it is confined to."""
    parts = path.strip("/").split("/")
    rest, group, root = _split(parts)
    if not rest:
        return Target(verb=_VERBS.get(method, "get"), path=path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3:
        namespace, rest = unquote(rest[1]), rest[2:]
    plural = rest[0]
    name = unquote(rest[1]) if len(rest) > 1 else ""
    if not namespace and not name and plural not in CLUSTER_WIDE:
        path = f"{root}/namespaces/{scope}/{plural}"
        namespace = scope
    return Target(
        verb=_verb(method, name=name, query=query, content_type=content_type),
        path=path,
        kind=KINDS.get((group, plural), plural),
        namespace=namespace,
        name=name,
        subresource="/".join(rest[2:]),
    )


def _split(parts: list[str]) -> tuple[list[str], str, str]:
    """What follows the group and version, the group, and the path of both."""
    if parts[0] == "api" and len(parts) > 2:
        return parts[2:], "", "/" + "/".join(parts[:2])
    if parts[0] == "apis" and len(parts) > 3:
        return parts[3:], parts[1], "/" + "/".join(parts[:3])
    return [], "", ""


def _verb(method: str, *, name: str, query: Mapping[str, str], content_type: str) -> str:
    if method == "PATCH":
        return "apply" if content_type.startswith(APPLY) else "patch"
    if method != "GET":
        return _VERBS.get(method, method.lower())
    if query.get("watch") in {"true", "1"}:
        return "watch"
    return "get" if name else "list"
