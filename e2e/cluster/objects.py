"""Kubernetes objects of the cluster itself: they lead pods to the programs on the node."""

from collections.abc import Iterator
from typing import Any

from e2e.cluster import places as at
from e2e.cluster.certificates import Authority
from e2e.cluster.client import Client
from e2e.cluster.components import metrics, s3


def on_the_node(name: str, *, namespace: str, port: int, target: int) -> list[tuple[str, Any]]:
    """A Service `name` that leads to a port of the node, as (path, object)."""
    metadata = {"name": name, "namespace": namespace}
    ports = [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"ports": ports},
    }
    labels = {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "modelservice-dev",
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata | {"labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": name, "port": target, "protocol": "TCP"}],
        "endpoints": [{"addresses": [at.ADDRESS], "conditions": {"ready": True}}],
    }
    group = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}"
    return [(f"/api/v1/namespaces/{namespace}/services/{name}", service), (group, endpoints)]


def namespace(name: str) -> tuple[str, Any]:
    """A namespace, as (path, object)."""
    found = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return f"/api/v1/namespaces/{name}", found


def services(*, authority: Authority) -> Iterator[tuple[str, Any]]:
    """What leads pods and the API server to the programs on the node, as (path, object)."""
    yield namespace(at.SYSTEM_NAMESPACE)
    yield from on_the_node(
        s3.SERVICE, namespace=at.SYSTEM_NAMESPACE, port=at.S3_PORT, target=at.S3_PORT
    )
    yield from on_the_node(
        metrics.NAME, namespace=metrics.NAMESPACE, port=443, target=at.METRICS_SERVER_PORT
    )
    document = metrics.api_service(authority)
    name = document["metadata"]["name"]
    yield f"/apis/apiregistration.k8s.io/v1/apiservices/{name}", document


def apply(client: Client, *, authority: Authority) -> None:
    """Bring these objects about; what is right already is left as it is."""
    for path, document in services(authority=authority):
        client.apply(path, body=document)
