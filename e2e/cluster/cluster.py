"""Bringing the cluster up and taking it down: the order of things, and how to go on after a kill.

`up` compares what runs with what should run and does the difference, so that it continues after a
Ctrl-C, repairs after a kill, and does nothing to a cluster that is right. Data (etcd, images, S3)
survives all of it; `down` alone removes it.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from e2e.cluster import identities as who
from e2e.cluster import leftovers, network, objects, preflight, processes, tools
from e2e.cluster import places as at
from e2e.cluster.client import Client, eventually
from e2e.cluster.components import component as components
from e2e.cluster.components import control, coredns, gpus, kubelet, kwok, metrics, pause, s3
from e2e.cluster.components.apiserver import Identities
from e2e.cluster.components.component import Component
from e2e.cluster.components.containerd import containerd
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem
from e2e.cluster.report import step
from e2e.cluster.settings import Settings

GROUPS = ("etcd", "kubernetes", "containerd", "coredns", "versitygw", "metrics-server", "pause")
FIRST = ("etcd", "s3", "containerd")
AGENTS = (
    "controller-manager",
    "scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "metrics-server",
)
READY = 90.0  # seconds for the node


@dataclass(frozen=True)
class Cluster:
    """The embedded cluster: what it is made of. Making one starts nothing."""

    places: Places
    settings: Settings
    identities: Identities
    client: Client

    @classmethod
    def assemble(cls, places: Places, *, settings: Settings | None = None) -> "Cluster":
        """The cluster as the last `up` made it, or with other `settings`.

        Builds the tools and makes the certificates that are missing. Raises Problem.
        """
        settings = settings or Settings.load(places)
        tools.ensure(GROUPS if settings.kwok == 0 else (*GROUPS, "kwok"))
        identities, client = who.ensure(places)
        return cls(places, settings, identities, client)

    def components(self) -> dict[str, Component]:
        """The components that these settings ask for, in the order of starting."""
        places, identities, client = self.places, self.identities, self.client
        listed = [
            control.etcd(places),
            s3.s3(places),
            containerd(places),
            control.apiserver(places, client=client, identities=identities),
            control.controller_manager(places, identities=identities),
            control.scheduler(places),
            kubelet.kubelet(places, authority=identities.authority),
            kubelet.proxy(places),
            coredns.coredns(places),
            metrics.metrics_server(places),
        ]
        if self.settings.gpus:
            listed.append(gpus.gpus(places, client=client, count=self.settings.gpus))
        if self.settings.kwok:
            listed.append(kwok.kwok(places))
        return {component.name: component for component in listed}

    def start(self, *names: str) -> None:
        """Start components together, those that do not run, and wait for each. Raises Problem."""
        known = self.components()
        with step(", ".join(names)):
            for name in names:
                components.start(known[name], places=self.places)
            for name in names:
                components.wait(known[name], places=self.places)

    def stop(self, name: str, *, grace: float = 10.0) -> None:
        """Stop a component; with `grace=0` as by kill -9. What it started goes on (pods, shims)."""
        components.stop(name, places=self.places, grace=grace)

    def node(self) -> dict[str, Any]:
        """The node's object, empty while there is none."""
        return self.client.get(gpus.NODE_PATH) or {}

    def ready(self, *, since: datetime) -> bool:
        """Whether the node has said, not before `since`, that it is ready for pods.

        What an earlier kubelet said is not true any more: it had GPUs that this one has not yet.
        """
        conditions = self.node().get("status", {}).get("conditions", [])
        return any(
            condition["type"] == "Ready"
            and condition["status"] == "True"
            and datetime.fromisoformat(condition["lastHeartbeatTime"]) >= since
            for condition in conditions
        )


def up(places: Places, *, settings: Settings) -> Cluster:
    """Bring the cluster up, or what is missing of it. Raises Problem."""
    preflight.prepare(places)
    cluster = Cluster.assemble(places, settings=settings)
    wanted = cluster.components()
    preflight.require_ports(list(wanted.values()), places=places)
    settings.save(places)
    with step("network"):
        network.ensure(places)
    running = processes.marked(state=places.state)
    if not any(process.component == "containerd" for process in running):
        with step("what a killed run left"):
            leftovers.sweep_node(places)
    leftovers.prepare_cgroups(places)
    places.runtime.mkdir(parents=True, exist_ok=True)
    for name in processes.leaders(state=places.state).keys() - wanted.keys():
        cluster.stop(name)
    cluster.start(*FIRST)
    cluster.start("apiserver")
    pause.ensure(places)
    now = datetime.now(UTC).replace(microsecond=0)  # as precise as the heartbeat
    before = processes.leaders(state=places.state).get("kubelet")
    cluster.start(*AGENTS)
    started = processes.leaders(state=places.state).get("kubelet") != before
    since = now if started else datetime.min.replace(tzinfo=UTC)
    with step(f"node {at.NODE} ready"):
        if not eventually(lambda: cluster.ready(since=since), seconds=READY):
            raise Problem(
                f"the node {at.NODE} is not ready after {READY:.0f} s",
                advice=f"read the end of {places.log('kubelet')}",
            )
    with step("services"):
        objects.apply(cluster.client, authority=cluster.identities.authority)
        gpus.label(cluster.client, count=settings.gpus)
    if extras := [name for name in ("gpus", "kwok") if name in wanted]:
        cluster.start(*extras)
    kwok.scale(cluster.client, count=settings.kwok)
    return cluster


def exists(places: Places) -> bool:
    """Whether there is anything of the cluster on this machine."""
    bridge = network.run("ip", "link", "show", "dev", at.BRIDGE, places=places).returncode == 0
    return bridge or places.state.exists() or places.runtime.exists()


def down(places: Places) -> None:
    """Remove the cluster and everything of it but the tools' cache. Raises Problem."""
    with step("pods and the node's programs"):
        leftovers.sweep_node(places)
    with step("the other programs"):
        rest = processes.marked(state=places.state)
        processes.end(rest, state=places.state, grace=0)  # their data goes with them
    with step("network"):
        network.remove(places)
    with step("files"):
        leftovers.remove_strays(places)
        left = leftovers.mounts_below([places.state, places.runtime])
        if left:
            raise Problem(
                f"{left[0]} cannot be unmounted",
                advice="see who uses it (fuser -vm), end that, and run `make cluster-down` again",
            )
        shutil.rmtree(places.runtime, ignore_errors=True)
        shutil.rmtree(places.state, ignore_errors=True)
