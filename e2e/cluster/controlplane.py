"""etcd and a kube-apiserver alone, for integration tests: ready in about three seconds.

    with ControlPlane.start() as plane:
        environment = {"KUBECONFIG": str(plane.kubeconfig)}
        ...
        plane.kill()       # the API server dies as by kill -9; etcd and its data stay
        plane.restart()    # at the same address; returns when it is ready

Everything is real (validation, CEL, server-side apply, RBAC, watches, admission), and nothing else
runs: no controller (a Deployment makes no pods, ownerReferences delete nothing, no service account
appears in a namespace), no scheduler and no node. Pods need no service account here.

Each control plane has free loopback ports, its own authority and a temporary directory, all gone
at the end of the `with`; several may run side by side. It needs no root. Its processes die with
the thread that started it, so that a killed test run leaves none: start it in a thread that
outlives its use (pytest's main thread does).
"""

import atexit
import os
import random
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import kubeconfig, tools
from e2e.cluster.client import Client, eventually
from e2e.cluster.components import apiserver as flags
from e2e.cluster.problem import Problem

HOST = "127.0.0.1"
SERVICES = "10.96.0.0/16"
READY = 60.0  # seconds; an idle machine needs 3, one that is building needs more
CLAIMS = 200  # the last so many ports that a process asked for are its own
_claims: deque[socket.socket] = deque()


@atexit.register
def _disclaim() -> None:
    while _claims:
        _claims.pop().close()


def free_ports(count: int) -> list[int]:
    """Free loopback ports below the range that the kernel gives to outgoing connections.

    So no connection takes the port of an API server that is dead for a minute. Nobody else who asks
    here gets them meanwhile, in whatever process: who they are for may not listen yet.
    """
    found: list[int] = []
    for port in random.sample(range(20000, 32000), 1000):
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0modelservice-port-{port}")  # the kernel takes it back
                probe.bind((HOST, port))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        if len(_claims) > CLAIMS:
            _claims.popleft().close()
        found.append(port)
        if len(found) == count:
            break
    return found


@dataclass
class ControlPlane:
    """A running control plane; `start` makes one."""

    directory: Path
    client: Client
    commands: dict[str, list[str]]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of a cluster administrator (who may impersonate anyone)."""
        return self.directory / "kubeconfig"

    @property
    def address(self) -> str:
        """`https://127.0.0.1:<port>`."""
        return self.client.address

    @property
    def audit_log(self) -> Path:
        """One JSON line a request, if it was started with `audit=True`."""
        return self.directory / "audit.log"

    def log(self, name: str = "kube-apiserver") -> str:
        """What `name` (or `etcd`) has printed so far."""
        return (self.directory / f"{name}.log").read_text(errors="replace")

    @classmethod
    @contextmanager
    def start(
        cls, *, audit: bool = False, arguments: Sequence[str] = ()
    ) -> Iterator["ControlPlane"]:
        """Run a control plane for the length of a `with`; `arguments` go to the API server too."""
        with tempfile.TemporaryDirectory(prefix="modelservice-controlplane-") as name:
            plane = cls._prepare(Path(name), audit=audit, arguments=arguments)
            try:
                plane._launch("etcd")
                plane.restart()
                yield plane
            finally:
                plane._stop("kube-apiserver")
                plane._stop("etcd")

    @classmethod
    def _prepare(cls, directory: Path, *, audit: bool, arguments: Sequence[str]) -> "ControlPlane":
        port, etcd_port, peer_port = free_ports(3)
        identities = flags.Identities.ensure(
            directory / "pki", hosts=(f"IP:{HOST}", "DNS:localhost", "DNS:kubernetes.default.svc")
        )
        client = Client(HOST, port, identities.authority, identities.admin)
        etcd_url, peer_url = f"http://{HOST}:{etcd_port}", f"http://{HOST}:{peer_port}"
        server = flags.apiserver(
            tools.binary("kube-apiserver"),
            client=client,
            identities=identities,
            etcd=etcd_url,
            services=SERVICES,
            audit=directory if audit else None,
        )
        # Nothing here makes service accounts, and without them no pod would be admitted.
        server += ["--disable-admission-plugins=ServiceAccount", *arguments]
        etcd = flags.etcd(
            tools.binary("etcd"), data=directory / "etcd", client=etcd_url, peer=peer_url
        )
        plane = cls(directory, client, {"etcd": etcd, "kube-apiserver": server})
        kubeconfig.write(
            plane.kubeconfig,
            server=client.address,
            authority=identities.authority,
            identity=identities.admin,
        )
        return plane

    def kill(self) -> None:
        """Kill the API server with SIGKILL. Its clients see connections reset, then refused."""
        self._running["kube-apiserver"].kill()
        self._running.pop("kube-apiserver").wait()

    def restart(self) -> None:
        """Start the API server (again) and wait until it is ready. Raises Problem."""
        self._launch("kube-apiserver")
        running = self._running["kube-apiserver"]
        if not eventually(
            self.client.ready, seconds=READY, failed=lambda: running.poll() is not None
        ):
            raise Problem(
                "the API server of the test control plane did not become ready",
                advice="the end of its log is below",
                details="\n".join(self.log().splitlines()[-20:]),
            )

    @property
    def running(self) -> dict[str, "subprocess.Popen[bytes]"]:
        """The processes by name."""
        return dict(self._running)

    def launch(self, name: str, *, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a program beside the API server, with its log here; ending it is the caller's."""
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests; they end the control plane
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory)},
            )

    def _launch(self, name: str) -> None:
        self._running[name] = self.launch(name, command=self.commands[name])

    def _stop(self, name: str) -> None:
        """End `name`, if it runs; nothing that it could still write is of use to anyone."""
        running = self._running.pop(name, None)
        if running is not None:
            running.send_signal(signal.SIGKILL)
            running.wait()
