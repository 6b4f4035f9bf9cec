"""etcd's and kube-apiserver's flags: the same for the development cluster and for tests."""

from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.certificates import Authority, Certificate
from e2e.cluster.client import Client

# Who asked for what and when; the probes would drown it.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/openapi/*", "/version"]
- level: Metadata
"""
ADMISSION = "NodeRestriction,OwnerReferencesPermissionEnforcement"


@dataclass(frozen=True)
class Identities:
    """What an API server's authority signs for it."""

    authority: Authority
    server: Certificate
    admin: Certificate
    front_proxy: Certificate

    @classmethod
    def ensure(cls, directory: Path, *, hosts: tuple[str, ...]) -> "Identities":
        """Make them in `directory` where they are missing, `hosts` as openssl writes them."""
        authority = Authority(directory)
        authority.ensure()
        return cls(
            authority,
            server=authority.issue("apiserver", subject="/CN=kube-apiserver", hosts=hosts),
            admin=authority.issue("admin", subject="/O=system:masters/CN=admin"),
            front_proxy=authority.issue("front-proxy", subject="/CN=front-proxy"),
        )


def etcd(binary: Path, *, data: Path, client: str, peer: str) -> list[str]:
    """The command of an etcd at the URLs `client` and `peer`.

    Without fsync: data survives the death of any process, not that of the machine.
    """
    return [
        str(binary),
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--auto-compaction-retention=30m",
        "--log-level=warn",
    ]


def apiserver(
    binary: Path,
    *,
    client: Client,
    identities: Identities,
    etcd: str,
    services: str,
    audit: Path | None,
) -> list[str]:
    """The command of the API server that `client` talks to.

    `services` is the CIDR of cluster IPs; `audit` a directory for the audit log, None for no log.
    """
    authority = identities.authority
    command = [
        str(binary),
        f"--etcd-servers={etcd}",
        f"--bind-address={client.host}",
        f"--advertise-address={client.host}",
        f"--secure-port={client.port}",
        f"--client-ca-file={authority.certificate}",
        f"--tls-cert-file={identities.server.certificate}",
        f"--tls-private-key-file={identities.server.key}",
        f"--service-account-key-file={authority.service_account_public_key}",
        f"--service-account-signing-key-file={authority.service_account_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={services}",
        "--authorization-mode=Node,RBAC",
        f"--enable-admission-plugins={ADMISSION}",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={identities.admin.certificate}",
        f"--kubelet-client-key={identities.admin.key}",
        f"--kubelet-certificate-authority={authority.certificate}",
        # Else logs and exec look the node's name up in DNS.
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={authority.certificate}",
        # One authority signs everything, so the name decides who may speak for others.
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={identities.front_proxy.certificate}",
        f"--proxy-client-key-file={identities.front_proxy.key}",
        "--enable-aggregator-routing=true",
        "--profiling=false",
    ]
    if audit is not None:
        policy = audit / "policy.yaml"
        policy.write_text(AUDIT_POLICY)
        command += [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={audit / 'audit.log'}",
            "--audit-log-maxbackup=3",
        ]
    return command
