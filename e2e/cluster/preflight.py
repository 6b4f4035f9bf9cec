"""What has to be right before anything is started, each told in one line if it is not."""

import os
import platform
from collections.abc import Sequence

from e2e.cluster import packages, ports, processes
from e2e.cluster.components.component import Component
from e2e.cluster.components.pause import ARCHITECTURES
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem
from e2e.cluster.tools.cache import require_space

# Measured: 3.8 GiB with the images of the whole system; a changed image comes beside the old one.
STATE_GIB = 6


def require_root() -> None:
    """Raise Problem unless this is root on Linux."""
    if platform.system() != "Linux":
        raise Problem(
            f"the embedded cluster needs Linux, and this is {platform.system()}",
            advice="use a Linux machine, or point KUBECONFIG at a cluster that you have",
        )
    if os.geteuid() != 0:
        raise Problem(
            "the embedded cluster needs root (it makes namespaces, mounts and iptables rules)",
            advice="run it with sudo, or point KUBECONFIG at a cluster that you have",
        )


def prepare(places: Places) -> None:
    """Check the machine and install the distribution's packages that are missing."""
    require_root()
    if platform.machine() not in ARCHITECTURES:
        raise Problem(
            f"the embedded cluster runs on {' and '.join(ARCHITECTURES)}, not on "
            f"{platform.machine()}",
            advice="point KUBECONFIG at a cluster that you have",
        )
    fresh = not places.kubeconfig.exists()
    gib = STATE_GIB if fresh else 1
    require_space(places.state.parent, gib=gib, purpose=f"the cluster's state in {places.state}")
    packages.ensure(packages.CLUSTER)


def require_ports(components: Sequence[Component], *, places: Places) -> None:
    """Raise Problem where a port of one of `components` belongs to somebody else."""
    running = processes.leaders(state=places.state)
    listening = ports.listeners()
    for component in components:
        if component.name in running:
            continue
        for address, port in component.ports:
            for listener in listening:
                if ports.blocks(listener, address=address, port=port):
                    _complain(component, listener=listener)


def _complain(component: Component, *, listener: ports.Listener) -> None:
    pid = ports.holders().get(listener.inode)
    holder = "a process that cannot be seen" if pid is None else f"{ports.name(pid)} (pid {pid})"
    raise Problem(
        f"port {listener.port}, which {component.name} needs, is taken by {holder} at "
        f"{listener.address}",
        advice="stop that program, or tell it to listen on one address only"
        if listener.address in {"0.0.0.0", "::"}
        else "stop that program",
    )
