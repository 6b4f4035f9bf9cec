"""A cluster on the rig with several operators, and what its users do there."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.availability.audit import Audit
from e2e.availability.relay import Relay
from e2e.cluster.client import eventually
from e2e.demo.kinds import (
    BUDGET,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    JOB,
    LEASE,
    MODEL_SERVICE,
    MODEL_VERSION,
    NETWORK_POLICY,
    POD,
    SERVICE,
    Kind,
)
from e2e.rig.operators import PLATFORM, Launcher, Operator
from e2e.rig.plane import MASTERS, Rig

Manifest = dict[str, Any]

NAMESPACE = "team"  # of the services
SYSTEM = "operators"  # of the Lease
USERS = "operator:"  # what the names of the operators' users begin with
PATIENCE = 120.0
MADE = (
    SERVICE,
    DEPLOYMENT,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    BUDGET,
    NETWORK_POLICY,
    JOB,
    MODEL_VERSION,
)
SENDERS = 4


@dataclass(frozen=True)
class Replica:
    """An operator with a user and a way to the API server that nobody else has."""

    operator: Operator
    user: str
    way: Relay

    @property
    def leads(self) -> bool:
        """By its own word."""
        return self.operator.metrics().get("modelservice_leader") == 1

    @property
    def reconciled(self) -> float:
        """How many runs it has ended in order."""
        return sum(
            value
            for name, value in self.operator.metrics().items()
            if name.startswith("modelservice_reconciles_total") and 'result="ok"' in name
        )


@dataclass(frozen=True)
class Site:
    """The rig, its operators and one namespace with services."""

    rig: Rig
    launcher: Launcher
    directory: Path
    audit: Audit
    stack: ExitStack

    def replica(self, name: str, *, platform: Mapping[str, Any] = PLATFORM) -> Replica:
        """Start an operator and wait until it could lead."""
        user = f"{USERS}{name}"
        way = self.stack.enter_context(Relay.start(target=self.rig.plane.client.port))
        operator = self.launcher.operator(
            kubeconfig=self._kubeconfig(user, address=way.address),
            directory=self.directory / name,
            arguments=[f"--namespace={SYSTEM}"],
            platform=platform,
        )
        operator.wait_ready()
        return Replica(operator, user, way)

    def create(self, *manifests: Manifest) -> None:
        """Create services, a few at a time."""
        path = MODEL_SERVICE.path(namespace=NAMESPACE)
        self._each(lambda body: self._send("POST", path, body=body), manifests)

    def change(self, *manifests: Manifest) -> None:
        """Give services that exist another spec."""

        def do(manifest: Manifest) -> None:
            path = one(MODEL_SERVICE, manifest["metadata"]["name"])
            self.rig.plane.client.apply(path, body=manifest)

        self._each(do, manifests)

    def delete(self, *names: str) -> None:
        """Delete services; their children go after them."""
        self._each(lambda name: self._send("DELETE", one(MODEL_SERVICE, name)), names)

    def objects(self, kind: Kind, *, namespace: str = NAMESPACE) -> list[Manifest]:
        found = self.rig.plane.client.get(kind.path(namespace=namespace)) or {}
        items: list[Manifest] = found["items"]
        return items

    def wait(self, holds: Callable[[], bool], *, what: str, seconds: float = PATIENCE) -> float:
        """Seconds until `holds`. Raises TimeoutError."""
        began = time.monotonic()
        if not eventually(holds, seconds=seconds, interval=0.25):
            raise TimeoutError(f"{what}: not so after {seconds:.0f} s")
        return time.monotonic() - began

    def settle(self, *, seconds: float = PATIENCE) -> None:
        """Wait until every service is ready, and what belonged to deleted ones is gone."""
        left: list[str] = []

        def settled() -> bool:
            services = self.objects(MODEL_SERVICE)
            left[:] = [in_words(item) for item in services if not is_ready(item)]
            if not left:
                left[:] = self._orphans(services)
            return not left

        try:
            self.wait(settled, what="all services are ready, and no orphan left", seconds=seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {left}") from None

    def hush(self, *, seconds: float = 3.0) -> None:
        """Wait until no operator has written anything for so long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            since = self.audit.mark()
            if not eventually(lambda: bool(self.audit.writes(since=since)), seconds=seconds):  # noqa: B023
                return
        raise TimeoutError("the operators go on writing")

    def leader(self, *, among: Sequence[Replica], seconds: float = 60.0) -> Replica:
        """The one that leads, once there is one."""
        leading: list[Replica] = []

        def found() -> bool:
            leading[:] = [replica for replica in among if replica.leads]
            return bool(leading)

        self.wait(found, what="one leads", seconds=seconds)
        (leader,) = leading
        return leader

    def holder(self) -> str:
        """The identity that the Lease names."""
        (lease,) = self.objects(LEASE, namespace=SYSTEM)
        return str(lease["spec"].get("holderIdentity") or "")

    def state(self) -> dict[str, Any]:
        """What there is, as far as an operator decides it, by kind and name."""
        found: dict[str, Any] = {}
        for kind in MADE:
            for item in self.objects(kind):
                found[f"{kind.plural}/{item['metadata']['name']}"] = told(item)
        for item in self.objects(MODEL_SERVICE):
            status = item.get("status", {})
            conditions = [
                (entry["type"], entry["status"], entry["reason"])
                for entry in status.get("conditions", ())
            ]
            found[f"services/{item['metadata']['name']}"] = [
                item["metadata"]["uid"],
                item["spec"],
                status.get("revision"),
                conditions,
            ]
        return found

    def pods(self) -> set[str]:
        """The uids of the pods that serve."""
        return {item["metadata"]["uid"] for item in self.objects(POD) if is_serving(item)}

    def _orphans(self, services: Iterable[Manifest]) -> list[str]:
        """Children whose service is gone; a version outlives it."""
        there = {item["metadata"]["uid"] for item in services}
        return [
            item["metadata"]["name"]
            for kind in (*MADE, POD)
            if kind is not MODEL_VERSION
            for item in self.objects(kind)
            for owner in item["metadata"].get("ownerReferences", ())
            if owner["kind"] == "ModelService" and owner["uid"] not in there
        ]

    def _kubeconfig(self, user: str, *, address: str) -> Path:
        path = self.rig.kubeconfig(user, groups=[MASTERS])
        document = yaml.safe_load(path.read_text())
        document["clusters"][0]["cluster"]["server"] = address
        path.write_text(json.dumps(document))
        return path

    def _send(self, method: str, path: str, *, body: Manifest | None = None) -> None:
        self.rig.plane.client.text(method, path, body=body)

    def _each(self, do: Callable[[Any], None], items: Iterable[Any]) -> None:
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(do, items))


def one(kind: Kind, name: str, *, namespace: str = NAMESPACE) -> str:
    return f"{kind.path(namespace=namespace)}/{name}"


def service(name: str, *, content: int = 0, **spec: Any) -> Manifest:
    """A service of one file; another `content` is another file."""
    source = {"uri": f"s3://models/{name}.onnx", "sha256": f"{content:064x}"}
    return _service(name, {"name": "model", "source": source}, **spec)


def trained(name: str, *, seed: int = 0) -> Manifest:
    """A service that trains its model; another `seed` is another training."""
    dataset = {"uri": f"s3://data/{name}.npz"}
    training = {"recipe": "linear", "dataset": dataset, "seed": seed}
    return _service(name, {"name": "model", "training": training})


def is_ready(service: Manifest) -> bool:
    """Whether the current spec is served, and no training goes on, by the operator's word."""
    status = service.get("status", {})
    told = {item["type"]: item["status"] for item in status.get("conditions", ())}
    seen = status.get("observedGeneration") == service["metadata"]["generation"]
    return bool(seen and told.get("Ready") == "True" and told.get("Reconciling") != "True")


def is_serving(pod: Manifest) -> bool:
    """Whether a pod is one that serves, not one of a Job."""
    return bool(pod["metadata"].get("labels", {}).get("modelservice.io/component") == "serving")


def in_words(service: Manifest) -> str:
    """A service's name and what its Ready condition says."""
    conditions = service.get("status", {}).get("conditions", ())
    told = [
        f"{item['reason']}: {item['message']}" for item in conditions if item["type"] == "Ready"
    ]
    return f"{service['metadata']['name']} ({'; '.join(told) or 'no status'})"


def told(item: Manifest) -> Any:
    """An object without what its controllers and the API server note in it."""
    metadata = item["metadata"]
    rest = {
        key: value for key, value in item.items() if key in {"spec", "data", "template", "revision"}
    }
    return [metadata["uid"], metadata.get("labels"), metadata.get("ownerReferences"), rest]


def _service(name: str, model: Manifest, **spec: Any) -> Manifest:
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name},
        "spec": {"models": [model], **spec},
    }
