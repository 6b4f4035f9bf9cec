"""One control plane with the people and programs of a benchmark on it.

Nobody here is an administrator, whose requests are exempt from the API server's priority and
fairness: the operator has the rights of the chart and no others, the bare client and the users are
ordinary service accounts.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from e2e.bench.audit import Audit, Entry
from e2e.bench.objects import NAMESPACES, Name, Template, body
from e2e.bench.session import Session
from e2e.cluster import tools
from e2e.rig.operators import Launcher, Operator
from e2e.rig.plane import Rig

CHART = Path(__file__).parents[2] / "charts" / "modelservice-operator"
RELEASE = "modelservice-operator"
SYSTEM = "modelservice-system"
OPERATOR = f"system:serviceaccount:{SYSTEM}:{RELEASE}"
WRITER = "system:serviceaccount:bench:writer"
NEIGHBOUR = "system:serviceaccount:bench:neighbour"
USER = "system:serviceaccount:bench:user"
SPECIMEN = Name("recording", "specimen")
QUIET = 5.0  # seconds without a write after which nothing is expected any more
PATIENCE = 300.0
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class Bed:
    """`prepared` makes one. `user` is whoever applies ModelServices, `writer` the bare client."""

    rig: Rig
    launcher: Launcher
    directory: Path
    audit: Audit
    user: Session
    writer: Session
    identity: Path
    _operators: int = 0

    def operator(
        self, *, arguments: Sequence[str] = ("--leader-elect=false",), fresh: bool = False
    ) -> Operator:
        """Start an operator with the rights of the chart."""
        self._operators += 1
        return self.launcher.operator(
            kubeconfig=self.identity,
            directory=self.directory / f"operator-{self._operators}",
            arguments=[f"--namespace={SYSTEM}", *arguments],
            fresh=fresh,
        )

    def account(self, user: str) -> Path:
        """The kubeconfig of a service account."""
        return _account(self.rig, user)

    def pids(self, operator: Operator | None) -> dict[str, int]:
        """Process ids by name; `client` is this process: the users, the watchers, the bare client
        or the stub."""
        own = {"client": os.getpid()}
        return self.rig.pids | ({"operator": operator.pid} if operator else {}) | own

    async def settled(self, *, seconds: float = PATIENCE, quiet: float = QUIET) -> list[Entry]:
        """Wait until the operator has written nothing for a while; what was asked for meanwhile.

        Raises TimeoutError.
        """
        found: list[Entry] = []
        last = time.time()
        deadline = last + seconds
        while time.time() - last <= quiet:
            if time.time() > deadline:
                raise TimeoutError(f"the operator went on writing for {seconds:g} s")
            await asyncio.sleep(0.25)
            fresh = self.audit.entries()
            found += fresh
            times = [entry.answered for entry in fresh if entry.user == OPERATOR and changes(entry)]
            last = max([last, *times])
        return found

    async def template(self) -> Template:
        """What an operator writes for one service: started for it, and ended again."""
        operator = self.operator()
        operator.wait_ready()
        await self.user.send("POST", SPECIMEN.collection, body=body(SPECIMEN))

        async def conditions() -> dict[str, str]:
            found = await self.user.object("GET", SPECIMEN.path)
            return {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", ())}

        deadline = time.monotonic() + PATIENCE
        while (await conditions()).get("Ready") != "True":
            if time.monotonic() > deadline:
                raise TimeoutError("the service whose children are recorded did not become Ready")
        await self.settled(quiet=2.0)
        operator.terminate()
        operator.wait()
        return await Template.record(self.user, SPECIMEN)


@asynccontextmanager
async def prepared(
    launcher: Launcher,
    *,
    directory: Path,
    controllers: bool = True,
    nodes: int = 20,
    namespaces: Sequence[str] = NAMESPACES,
) -> AsyncIterator[Bed]:
    """A bed on a fresh control plane: the whole of it, or etcd and the API server alone."""
    arguments = ("--audit-log-maxsize=10000",)  # MB: one file
    async with AsyncExitStack() as stack:
        rig = stack.enter_context(
            Rig.start(controllers=controllers, nodes=nodes, arguments=arguments)
        )
        for namespace in (SYSTEM, SPECIMEN.namespace, *namespaces):
            rig.namespace(namespace)
        for right in _rights():
            rig.plane.client.apply(right["path"], body=right["body"])
        sessions = [
            await stack.enter_async_context(Session.connect(_account(rig, user)))
            for user in (USER, WRITER)
        ]
        audit = Audit(rig.plane.audit_log)
        identity = _account(rig, OPERATOR)
        yield Bed(rig, launcher, directory, audit, sessions[0], sessions[1], identity)


def _account(rig: Rig, user: str) -> Path:
    return rig.kubeconfig(user, groups=["system:serviceaccounts", "system:authenticated"])


@cache
def _chart() -> list[dict[str, Any]]:
    command = [
        str(tools.binary("helm")),
        "template",
        RELEASE,
        str(CHART),
        f"--namespace={SYSTEM}",
        "--set=images.registry=registry.example",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def _rights() -> list[dict[str, Any]]:
    """The chart's rights for the operator; for users and the bare client those of an admin."""
    plurals = {
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
        "Role": "roles",
        "RoleBinding": "rolebindings",
    }
    bodies = [document for document in _chart() if document["kind"] in plurals]
    subjects = [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        for name in (USER, WRITER, NEIGHBOUR)
    ]
    bodies.append(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "bench"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": subjects,
        }
    )
    rights = []
    for right in bodies:
        namespace = right["metadata"].get("namespace")
        inside = f"/namespaces/{namespace}" if namespace else ""
        path = f"{RBAC}{inside}/{plurals[right['kind']]}/{right['metadata']['name']}"
        rights.append({"path": path, "body": right})
    return rights


def changes(entry: Entry) -> bool:
    """Whether a request changes something that matters: leases are renewed for ever."""
    return entry.writes and entry.resource != "leases"
