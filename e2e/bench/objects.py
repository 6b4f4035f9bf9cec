"""What the load consists of: ModelServices, and the children that the operator makes of one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e.bench.session import APPLY, JSON, Session
from modelservice_operator.api import names
from modelservice_operator.controller.trim import trim
from modelservice_operator.desired import child_names
from modelservice_operator.kube.kinds import BY_NAME, CHILDREN, MODEL_SERVICE, Kind

# A Deployment, a Service, a ConfigMap, a ControllerRevision, a disruption budget, a network policy.
CHILDREN_EACH = 6
NAMESPACES = tuple(f"team-{number}" for number in range(10))
_ABSENT = "1"  # as the operator asks for an object that must not exist
_QUERY = f"fieldManager={names.MANAGER}"


@dataclass(frozen=True, slots=True)
class Name:
    """A ModelService of the load: names have no dash, so that a child's name leads to it."""

    namespace: str
    name: str

    @property
    def path(self) -> str:
        return MODEL_SERVICE.path(namespace=self.namespace, name=self.name)

    @property
    def collection(self) -> str:
        return MODEL_SERVICE.collection(self.namespace)


def batch(count: int, *, prefix: str = "svc", namespaces: Sequence[str] = NAMESPACES) -> list[Name]:
    """So many names, spread over the namespaces."""
    return [Name(namespaces[i % len(namespaces)], f"{prefix}{i:05d}") for i in range(count)]


def service_of(name: str) -> str:
    """The service of the load that a child belongs to, by the child's name."""
    return name.partition("-")[0]


def service(name: Name, *, model: str = "model-1") -> dict[str, Any]:
    """A ModelService with one model from S3 and one replica on CPU."""
    requests = {"cpu": "100m", "memory": "64Mi"}
    source = {"uri": f"s3://models/{model}.onnx", "sha256": _digest(model)}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_SERVICE,
        "metadata": {"name": name.name, "namespace": name.namespace},
        "spec": {
            "models": [{"name": "model", "source": source}],
            "serving": {"replicas": 1, "resources": {"requests": requests}},
        },
    }


def body(name: Name) -> bytes:
    """The same as bytes."""
    return json.dumps(service(name)).encode()


def _digest(model: str) -> str:
    return f"{int.from_bytes(model.encode()):064x}"[-64:]


@dataclass(frozen=True, slots=True)
class Write:
    """One request, ready to be sent."""

    method: str
    path: str
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Template:
    """What the operator wrote for one service, to be written for others by a bare client.

    Each part is a request whose path and body have placeholders for the service.
    """

    parts: tuple[Write, ...]

    @classmethod
    async def record(cls, session: Session, name: Name) -> "Template":
        """From the live children of a service that is Ready, and from its status.

        A child's manifest is what the operator's field manager owns of it; each is sent in the
        way in which the operator creates it.
        """
        live = await session.object("GET", name.path)
        values = _values(name, uid=live["metadata"]["uid"])
        writes = []
        for kind in CHILDREN:
            found = await session.list(
                kind.collection(name.namespace), selector=f"{names.LABEL_NAME}={name.name}"
            )
            writes += [_creation(kind, obj=obj) for obj in found]
        if len(writes) != CHILDREN_EACH:
            raise ValueError(f"a service has {len(writes)} children, not {CHILDREN_EACH}")
        writes.append(_status(live))
        return cls(tuple(_hollow(write, values=values) for write in writes))

    def filled(self, name: Name, *, uid: str) -> Iterator[Write]:
        """The requests for another service, children first and the status last."""
        values = _values(name, uid=uid)
        for part in self.parts:
            text = part.body
            path = part.path
            for key, value in values.items():
                text = text.replace(_mark(key).encode(), value.encode())
                path = path.replace(_mark(key), value)
            yield Write(part.method, path, text, part.content_type)


def _values(name: Name, *, uid: str) -> dict[str, str]:
    """What differs between two services, what contains others first."""
    serving = child_names.singleton(namespace=name.namespace, name=name.name, role="serving")
    return {"serving": serving, "uid": uid, "name": name.name, "namespace": name.namespace}


def _creation(kind: Kind, *, obj: Mapping[str, Any]) -> Write:
    metadata = obj["metadata"]
    owned = trim(kind.kind, {**obj})["owned"]
    own = {"name": metadata["name"], "namespace": metadata["namespace"]}
    # of a ControllerRevision, written by POST, labels are all that is kept
    own |= {"ownerReferences": metadata["ownerReferences"], **owned.get("metadata", {})}
    manifest = {"apiVersion": kind.api_version, "kind": kind.kind, **owned, "metadata": own}
    if kind.kind == "ControllerRevision":
        path = f"{kind.collection(metadata['namespace'])}?{_QUERY}"
        return Write("POST", path, json.dumps(manifest).encode(), JSON)
    own["resourceVersion"] = _ABSENT
    path = f"{kind.path(namespace=metadata['namespace'], name=metadata['name'])}?{_QUERY}"
    return Write("PATCH", path, json.dumps(manifest).encode(), APPLY)


def _status(live: Mapping[str, Any]) -> Write:
    metadata = live["metadata"]
    target = {"name": metadata["name"], "namespace": metadata["namespace"]}
    status = dict(live["status"])
    if "coldStart" in status:
        # Pods differ in their times, objects should not: none is younger than this one.
        status["coldStart"] = {**status["coldStart"], "at": "9999-12-31T23:59:59Z"}
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_SERVICE,
        "metadata": target,
        "status": status,
    }
    path = MODEL_SERVICE.path(**target, subresource="status")
    return Write("PATCH", f"{path}?{_QUERY}&force=true", json.dumps(manifest).encode(), APPLY)


def _hollow(write: Write, *, values: Mapping[str, str]) -> Write:
    body, path = write.body, write.path
    for key, value in values.items():
        body = body.replace(value.encode(), _mark(key).encode())
        path = path.replace(value, _mark(key))
    return Write(write.method, path, body, write.content_type)


def _mark(key: str) -> str:
    return f"\x01{key}\x01"


def owned_kinds() -> tuple[Kind, ...]:
    """The kinds that a service of the load has, and that deletion must clear away."""
    return (*CHILDREN, BY_NAME["Pod"])
