"""metrics-server as a process of the node, behind the API server's aggregation layer.

It makes `kubectl top` and CPU autoscaling work.
"""

import base64
from typing import Any

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.certificates import Authority
from e2e.cluster.components.component import Component, answers
from e2e.cluster.places import Places

NAME, NAMESPACE = "metrics-server", "kube-system"
HOST = f"{NAME}.{NAMESPACE}.svc"


def metrics_server(places: Places) -> Component:
    """metrics-server."""
    kubeconfig = places.identity("metrics-server")
    command = [
        str(tools.binary("metrics-server")),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={at.ADDRESS}",
        f"--secure-port={at.METRICS_SERVER_PORT}",
        f"--tls-cert-file={places.pki / 'metrics-server.crt'}",
        f"--tls-private-key-file={places.pki / 'metrics-server.key'}",
        f"--kubelet-certificate-authority={places.pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",
    ]
    return Component(
        NAME,
        command,
        # Its /readyz waits for the second scrape; the boot does not.
        answers(f"https://{at.ADDRESS}:{at.METRICS_SERVER_PORT}/livez"),
        ports=[(at.ADDRESS, at.METRICS_SERVER_PORT)],
    )


def api_service(authority: Authority) -> dict[str, Any]:
    """The APIService that sends `metrics.k8s.io` to it."""
    bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "service": {"name": NAME, "namespace": NAMESPACE, "port": 443},
            "caBundle": bundle,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
