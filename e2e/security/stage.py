"""The rig with the operator installed as the chart says, in namespaces that admit only `restricted`
pods: what the parts that need an API server look at.

The operator is its own process and not a pod; it is known to the API server as the service account
of the chart and has the rights that the rendered chart gives to that, and no others.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e import chart
from e2e.cluster import tools
from e2e.cluster.client import eventually
from e2e.rig.operators import PLATFORM, Launcher, Operator
from e2e.rig.plane import MASTERS, Rig
from e2e.security.calls import Caller, Manifest
from modelservice_operator.kube import kinds
from modelservice_operator.kube.kinds import Kind

RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
}
ACCOUNT = f"system:serviceaccount:{chart.NAMESPACE}:{chart.RELEASE}"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{chart.NAMESPACE}")
TEAM = "team-a"
# As strict as the chart's defaults, which the rig's own platform is not.
STRICT: dict[str, Any] = {**PLATFORM, "security": {}}


class StuckError(Exception):
    """Something that has to happen did not: what was waited for."""


@dataclass(frozen=True)
class Stage:
    """`admin` may do everything."""

    rig: Rig
    launcher: Launcher
    directory: Path
    admin: Caller
    manifests: tuple[Manifest, ...]

    def user(self, name: str, *, groups: Sequence[str] = ()) -> Caller:
        """Somebody who may do what RBAC says."""
        return _caller(self.rig, user=name, groups=groups)

    def operator(
        self,
        name: str,
        *,
        environment: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> Operator:
        """Start an operator with the chart's rights, and wait until its store is filled."""
        operator = self.launcher.operator(
            kubeconfig=self.rig.kubeconfig(ACCOUNT, groups=GROUPS),
            directory=self.directory / name,
            arguments=[f"--namespace={chart.NAMESPACE}", *arguments],
            environment=environment,
            platform=STRICT,
        )
        operator.wait_ready()
        return operator

    def wait(self, what: str, condition: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Raise StuckError unless `condition` comes to hold."""
        if not eventually(lambda: bool(condition()), seconds=seconds):
            raise StuckError(f"not within {seconds:.0f} s: {what}")

    def service(self, name: str, *, namespace: str = TEAM) -> Manifest:
        """A ModelService as it is now, empty where there is none."""
        return self.admin.get(kinds.MODEL_SERVICE.path(namespace=namespace, name=name)) or {}

    def condition(self, name: str, kind: str = "Ready", *, namespace: str = TEAM) -> Manifest:
        """One condition of a ModelService, empty where it has none (of its present generation)."""
        service = self.service(name, namespace=namespace)
        status = service.get("status", {})
        if status.get("observedGeneration") != service.get("metadata", {}).get("generation"):
            return {}
        return next((one for one in status.get("conditions", ()) if one["type"] == kind), {})

    def ready(self, name: str, *, namespace: str = TEAM) -> None:
        """Wait until a ModelService says so of its present spec."""
        self.wait(
            f"{namespace}/{name} is Ready",
            lambda: self.condition(name, namespace=namespace).get("status") == "True",
        )

    def says(self, name: str, reason: str, *, namespace: str = TEAM) -> None:
        """Wait until a ModelService is not Ready for this reason."""
        self.wait(
            f"{namespace}/{name} says {reason}",
            lambda: self.condition(name, namespace=namespace).get("reason") == reason,
        )

    def gone(self, path: str) -> None:
        """Wait until there is no object at `path`."""
        self.wait(f"{path} is gone", lambda: self.admin.get(path) is None)

    def children(self, kind: Kind, name: str, *, namespace: str = TEAM) -> list[Manifest]:
        """The objects of a kind that a ModelService has."""
        selector = f"modelservice.io%2Fname%3D{name}"
        found = self.admin.items(f"{kind.collection(namespace)}?labelSelector={selector}")
        # items of a list do not say their kind
        return [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in found]


@contextmanager
def built() -> Iterator[Stage]:
    """A stage for the length of a `with`; no operator runs yet."""
    with (
        Rig.start(nodes=3) as rig,
        Launcher.start() as launcher,
        tempfile.TemporaryDirectory(prefix="modelservice-security-") as directory,
    ):
        manifests = tuple(chart.manifests(tools.binary("helm"), "--set=crds.install=false"))
        admin = _caller(rig, user="security", groups=[MASTERS])
        stage = Stage(rig, launcher, Path(directory), admin, manifests)
        for namespace in (chart.NAMESPACE, TEAM):
            rig.namespace(namespace, labels=RESTRICTED)
        yield stage


def collection(manifest: Manifest) -> str:
    """The path of all objects of a manifest's kind in its namespace (kinds of the chart)."""
    version, kind = manifest["apiVersion"], manifest["kind"].lower()
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = manifest["metadata"].get("namespace")
    inside = f"/namespaces/{namespace}" if namespace else ""
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{root}{inside}/{plural}"


def _caller(rig: Rig, *, user: str, groups: Sequence[str]) -> Caller:
    client = rig.plane.client
    name = "user-" + "".join(sign if sign.isalnum() else "-" for sign in user)
    organisations = "".join(f"/O={group}" for group in groups)
    identity = client.authority.issue(name, subject=f"{organisations}/CN={user}")
    return Caller(client.host, client.port, client.authority, identity)
