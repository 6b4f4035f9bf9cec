"""Who is who in the cluster: certificates and kubeconfigs of all components."""

from e2e.cluster import kubeconfig
from e2e.cluster import places as at
from e2e.cluster.client import Client
from e2e.cluster.components import metrics
from e2e.cluster.components.apiserver import Identities
from e2e.cluster.places import Places

SUBJECTS = {
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kubelet": f"/O=system:nodes/CN=system:node:{at.NODE}",
    "kube-proxy": "/CN=system:kube-proxy",
    # Host processes without a role of their own in a bare cluster.
    "metrics-server": "/O=system:masters/CN=metrics-server",
    "kwok": "/O=system:masters/CN=kwok",
}
API_HOSTS = (
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    f"DNS:kubernetes.default.svc.{at.DOMAIN}",
    "DNS:localhost",
    f"IP:{at.KUBERNETES_SERVICE}",
    f"IP:{at.ADDRESS}",
)
SERVING = {"kubelet": f"IP:{at.ADDRESS}", "metrics-server": f"DNS:{metrics.HOST}"}


def ensure(places: Places) -> tuple[Identities, Client]:
    """Make what is missing; returns the API server's identities and an administrator's client."""
    identities = Identities.ensure(places.pki, hosts=API_HOSTS)
    authority = identities.authority
    client = Client(at.ADDRESS, at.API_PORT, authority, identities.admin)
    places.configuration.mkdir(parents=True, exist_ok=True)
    for name, subject in SUBJECTS.items():
        hosts = (SERVING[name],) if name in SERVING else ()
        identity = authority.issue(name, subject=subject, hosts=hosts)
        target = places.identity(name)
        kubeconfig.write(target, server=client.address, authority=authority, identity=identity)
    kubeconfig.write(
        places.kubeconfig, server=client.address, authority=authority, identity=identities.admin
    )
    return identities, client
