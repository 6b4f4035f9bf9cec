"""A control plane with controllers and nodes that exist only in the API.

    with Rig.start(nodes=20) as rig:
        rig.namespace("team-a")
        ...

The API server, the controllers and the scheduler are real; kwok plays the kubelets (`stages.yaml`
says what its pods do). Several rigs may run side by side; each is gone at the end of its `with`.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster import kubeconfig, tools
from e2e.cluster.client import Client, Refused, eventually
from e2e.cluster.components import kwok
from e2e.cluster.components.component import answers
from e2e.cluster.controlplane import HOST, ControlPlane, free_ports
from e2e.cluster.problem import Problem

CRDS = Path(__file__).parents[2] / "crds"
STAGES = Path(__file__).with_name("stages.yaml")
READY = 60.0
MASTERS = "system:masters"
# Far above what two cores do: what limits a run is the work, not a client's own brake.
RATES = ("--kube-api-qps=500", "--kube-api-burst=1000")


@dataclass
class Rig:
    """A running control plane with its controllers; `start` makes one."""

    plane: ControlPlane
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def start(
        cls,
        *,
        controllers: bool = True,
        nodes: int = 20,
        audit: bool = True,
        arguments: Sequence[str] = (),
    ) -> Iterator["Rig"]:
        """Run a rig for the length of a `with`.

        Without `controllers` it is etcd and the API server alone. `nodes` are kwok's, each for 500
        pods and with 8 GPUs. `arguments` go to the API server.
        """
        with ExitStack() as stack:
            plane = stack.enter_context(ControlPlane.start(audit=audit, arguments=arguments))
            rig = cls(plane)
            stack.callback(rig._end)
            install_crds(plane.client)
            if controllers:
                rig._start_controllers()
                for number in range(nodes):
                    plane.client.text("POST", "/api/v1/nodes", body=_node(f"kwok-{number}"))
            yield rig

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by component."""
        running = {**self.plane.running, **self._running}
        return {name: process.pid for name, process in running.items()}

    @cached_property
    def versions(self) -> dict[str, str]:
        """What runs here and how: each component's flags, and the API server's version."""
        version = json.loads(self.plane.client.text("GET", "/version"))["gitVersion"]
        commands = {**self.plane.commands, **self._commands}
        hidden = f"{self.plane.directory}/"
        flags = {
            name: " ".join([Path(command[0]).name, *command[1:]]).replace(hidden, "")
            for name, command in commands.items()
        }
        return {"kubernetes": version, **flags}

    def namespace(self, name: str, *, labels: dict[str, str] | None = None) -> None:
        """Create a namespace."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace"}
        body["metadata"] = {"name": name, "labels": labels or {}}
        self.plane.client.text("POST", "/api/v1/namespaces", body=body)

    def kubeconfig(self, user: str, *, groups: Sequence[str] = ()) -> Path:
        """The kubeconfig of a user; what they may do is for RBAC (or `system:masters`) to say.

        An administrator's requests are exempt from priority and fairness, an ordinary user's are
        not: a service account is named `system:serviceaccount:<namespace>:<name>`.
        """
        name = "user-" + "".join(sign if sign.isalnum() else "-" for sign in user)
        target = self.plane.directory / f"{name}.kubeconfig"
        organisations = "".join(f"/O={group}" for group in groups)
        authority = self.plane.client.authority
        identity = authority.issue(name, subject=f"{organisations}/CN={user}")
        kubeconfig.write(target, server=self.plane.address, authority=authority, identity=identity)
        return target

    def stop(self, name: str) -> None:
        """Kill `kube-controller-manager`, `kube-scheduler` or `kwok`."""
        self._running[name].kill()
        self._running.pop(name).wait()

    def launch(self, name: str) -> None:
        """Start it again."""
        self._running[name] = self.plane.launch(name, command=self._commands[name])

    def _start_controllers(self) -> None:
        managing, scheduling, playing = free_ports(3)
        credentials = self.kubeconfig("rig:controllers", groups=[MASTERS])
        shared = (f"--kubeconfig={credentials}", "--leader-elect=false", f"--bind-address={HOST}")
        authority = self.plane.client.authority
        self._commands = {
            "kube-controller-manager": [
                str(tools.binary("kube-controller-manager")),
                *shared,
                f"--secure-port={managing}",
                f"--root-ca-file={authority.certificate}",
                f"--service-account-private-key-file={authority.service_account_key}",
                f"--cert-dir={self.plane.directory / 'controller-manager'}",
                "--horizontal-pod-autoscaler-sync-period=5s",
                # kwok's nodes give no sign of life (`--node-lease-duration-seconds=0`)
                "--node-monitor-grace-period=24h",
                *RATES,
            ],
            "kube-scheduler": [
                str(tools.binary("kube-scheduler")),
                *shared,
                f"--secure-port={scheduling}",
                f"--cert-dir={self.plane.directory / 'scheduler'}",
                *RATES,
            ],
            "kwok": [
                str(tools.binary("kwok")),
                f"--kubeconfig={credentials}",
                f"--config={STAGES}",
                "--manage-all-nodes=true",
                f"--server-address={HOST}:{playing}",
                "--node-ip=198.18.127.1",
                "--cidr=198.18.128.1/17",
                "--node-lease-duration-seconds=0",
            ],
        }
        for name in self._commands:
            self.launch(name)
        self._wait("kube-controller-manager", f"https://{HOST}:{managing}/healthz")
        self._wait("kube-scheduler", f"https://{HOST}:{scheduling}/healthz")
        self._wait("kwok", f"http://{HOST}:{playing}/healthz")

    def _wait(self, name: str, url: str) -> None:
        running = self._running[name]
        ready = answers(url, anything=True)
        if not eventually(ready, seconds=READY, failed=lambda: running.poll() is not None):
            raise Problem(
                f"{name} did not become ready",
                advice="the end of its log is below",
                details="\n".join(self.plane.log(name).splitlines()[-20:]),
            )

    def _end(self) -> None:
        for name in list(self._running):
            self.stop(name)


def install_crds(client: Client) -> None:
    """Apply the project's CRDs and wait until the API server serves them."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for file in sorted(CRDS.glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        client.apply(f"{path}/{crd['metadata']['name']}", body=crd)
        kinds = f"/apis/{crd['spec']['group']}/v1alpha1/{crd['spec']['names']['plural']}"
        if not eventually(partial(_served, client, kinds), seconds=20):
            raise Problem(f"{file.name} is not served", advice="see the API server's log")


def _served(client: Client, path: str) -> bool:
    try:
        return client.get(path) is not None
    except Refused:  # 429: its storage is being made
        return False


def _node(name: str) -> dict[str, Any]:
    node = kwok.node(name)
    node["spec"] = {}  # there is no other node that pods could go to
    return node
