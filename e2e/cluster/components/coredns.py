"""Cluster DNS as a process of the node, at the bridge's address."""

from pathlib import Path

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.components.component import Component, answers
from e2e.cluster.places import Places


def corefile(*, kubeconfig: Path, upstream: Path | None) -> str:
    """CoreDNS's configuration: the cluster's names, and what `upstream` (resolv.conf) knows."""
    forward = f"  forward . {upstream}\n  cache 30\n" if upstream else ""
    return f"""\
.:{at.DNS_PORT} {{
  bind {at.ADDRESS}
  errors
  ready 127.0.0.1:{at.DNS_READY_PORT}
  kubernetes {at.DOMAIN} in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 5
    fallthrough in-addr.arpa
  }}
{forward}}}
"""


def has_nameserver(resolver: Path) -> bool:
    """Whether `resolver` names a server: CoreDNS refuses to start with one that does not."""
    return resolver.exists() and any(
        line.split()[:1] == ["nameserver"] for line in resolver.read_text().splitlines()
    )


def coredns(places: Places) -> Component:
    """The DNS server."""
    target = places.configuration / "Corefile"
    host = Path("/etc/resolv.conf")
    upstream = host if has_nameserver(host) else None
    return Component(
        "coredns",
        [str(tools.binary("coredns")), "-conf", str(target)],
        answers(f"http://127.0.0.1:{at.DNS_READY_PORT}/ready"),
        ports=[(at.ADDRESS, at.DNS_PORT), ("127.0.0.1", at.DNS_READY_PORT)],
        files={target: corefile(kubeconfig=places.kubeconfig, upstream=upstream)},
    )
