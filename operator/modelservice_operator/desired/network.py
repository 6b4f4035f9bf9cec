"""What finds a service's pods, who may reach them, and what protects them from evictions."""

from __future__ import annotations

from modelservice_operator.api import names
from modelservice_operator.desired import child_names
from modelservice_operator.desired.child import Child, Manifest, Owner, Stage, metadata
from modelservice_operator.desired.platform import Platform


def service(owner: Owner) -> Child:
    """The Service: pods of every revision that are ready."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner=owner, name=owner.name, component="serving"),
        "spec": {
            "type": "ClusterIP",
            "selector": _pods(owner),
            "ports": [
                _port(names.PORT_NAME_HTTP, names.PORT_HTTP),
                {
                    **_port(names.PORT_NAME_GRPC, names.PORT_GRPC),
                    "appProtocol": "kubernetes.io/h2c",
                },
                _port(names.PORT_NAME_METRICS, names.PORT_METRICS),
            ],
        },
    }
    return Child(manifest=manifest)


def disruption_budget(owner: Owner) -> Child:
    """At most one pod at a time is evicted; a pod that is not ready never blocks a drain.

    Made when there are pods: before, its controller would tell everybody that there are none.
    """
    manifest = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _singleton(owner),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": _pods(owner)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
    return Child(manifest=manifest, stage=Stage.SCALING)


def network_policy(owner: Owner, *, platform: Platform) -> Child:
    """Ingress to the serving ports only. Egress is left to the namespace's own policies.

    Where the operator pushes documents, its own pods may reach the agent's admin port.
    """
    ports = (names.PORT_HTTP, names.PORT_GRPC, names.PORT_METRICS)
    ingress: list[Manifest] = [{"ports": [_tcp(port) for port in ports]}]
    if platform.push_keys:
        operator = {
            "namespaceSelector": {"matchLabels": {names.LABEL_NAMESPACE: platform.namespace}},
            "podSelector": {"matchLabels": dict(names.OPERATOR_LABELS)},
        }
        ingress.append({"from": [operator], "ports": [_tcp(names.PORT_ADMIN)]})
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _singleton(owner),
        "spec": {
            "podSelector": {"matchLabels": _pods(owner)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }
    return Child(manifest=manifest)


def _pods(owner: Owner) -> dict[str, str]:
    # Fixed for the life of a service, and free of the revision: all revisions serve together.
    return {names.LABEL_NAME: owner.name, names.LABEL_COMPONENT: names.COMPONENT_SERVING}


def _singleton(owner: Owner) -> Manifest:
    name = child_names.singleton(namespace=owner.namespace, name=owner.name, role="serving")
    return metadata(owner=owner, name=name, component="serving")


def _tcp(port: int) -> Manifest:
    return {"port": port, "protocol": "TCP"}


def _port(name: str, number: int) -> Manifest:
    return {"name": name, "port": number, "protocol": "TCP", "targetPort": name}
