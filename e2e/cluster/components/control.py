"""The control plane's components: etcd, the API server, controller-manager and scheduler."""

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.client import Client
from e2e.cluster.components import apiserver as flags
from e2e.cluster.components.component import Component, answers
from e2e.cluster.places import Places

ETCD_URL = f"http://127.0.0.1:{at.ETCD_PORT}"


def etcd(places: Places) -> Component:
    """The store. Its data outlives the processes."""
    command = flags.etcd(
        tools.binary("etcd"),
        data=places.state / "etcd",
        client=ETCD_URL,
        peer=f"http://127.0.0.1:{at.ETCD_PEER_PORT}",
    )
    return Component(
        "etcd",
        command,
        answers(f"{ETCD_URL}/readyz"),
        ports=[("127.0.0.1", at.ETCD_PORT), ("127.0.0.1", at.ETCD_PEER_PORT)],
    )


def apiserver(places: Places, *, client: Client, identities: flags.Identities) -> Component:
    """The API server, with an audit log of every request in the state directory."""
    audit = places.state / "audit"
    audit.mkdir(parents=True, exist_ok=True)
    command = flags.apiserver(
        tools.binary("kube-apiserver"),
        client=client,
        identities=identities,
        etcd=ETCD_URL,
        services=at.SERVICES,
        audit=audit,
    )
    return Component("apiserver", command, client.ready, ports=[(at.ADDRESS, at.API_PORT)])


def controller_manager(places: Places, *, identities: flags.Identities) -> Component:
    """All built-in controllers."""
    authority = identities.authority
    kubeconfig = places.identity("controller-manager")
    command = [
        str(tools.binary("kube-controller-manager")),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--root-ca-file={authority.certificate}",
        f"--service-account-private-key-file={authority.service_account_key}",
        f"--cluster-signing-cert-file={authority.certificate}",
        f"--cluster-signing-key-file={authority.key}",
        "--leader-elect=false",
        f"--bind-address={at.ADDRESS}",
        f"--secure-port={at.CONTROLLER_MANAGER_PORT}",
        # An HPA's first move and its steps: tests should not wait for the production period.
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=10s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=30s",
    ]
    return Component(
        "controller-manager",
        command,
        answers(f"https://{at.ADDRESS}:{at.CONTROLLER_MANAGER_PORT}/healthz"),
        ports=[(at.ADDRESS, at.CONTROLLER_MANAGER_PORT)],
    )


def scheduler(places: Places) -> Component:
    """The scheduler, which counts the GPUs that the device plugin advertises."""
    kubeconfig = places.identity("scheduler")
    command = [
        str(tools.binary("kube-scheduler")),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        f"--bind-address={at.ADDRESS}",
        f"--secure-port={at.SCHEDULER_PORT}",
    ]
    return Component(
        "scheduler",
        command,
        answers(f"https://{at.ADDRESS}:{at.SCHEDULER_PORT}/healthz"),
        ports=[(at.ADDRESS, at.SCHEDULER_PORT)],
    )
