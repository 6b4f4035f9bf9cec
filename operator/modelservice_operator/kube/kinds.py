"""The kinds that the operator reads and writes, and where the API server keeps them.

One table: paths, label selectors of lists and watches, and the RBAC rules follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from modelservice_operator.api import names

OURS: Final = f"{names.LABEL_APP_MANAGED_BY}={names.MANAGER}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind. `selector` narrows lists and watches; None reads all of them."""

    group: str
    version: str
    kind: str
    plural: str
    selector: str | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of the kind's group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def collection(self, namespace: str | None = None) -> str:
        """Path of all objects of the kind: in the cluster, or in one namespace."""
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
        return f"{self.root}{inside}/{self.plural}"

    def path(self, *, namespace: str, name: str, subresource: str = "") -> str:
        """Path of one object or of its subresource."""
        base = f"{self.collection(namespace)}/{quote(name, safe='')}"
        return f"{base}/{subresource}" if subresource else base


MODEL_SERVICE: Final = Kind(names.GROUP, names.VERSION, names.KIND_SERVICE, "modelservices")
MODEL_VERSION: Final = Kind(names.GROUP, names.VERSION, names.KIND_VERSION, "modelversions")
MODEL_GRANT: Final = Kind(names.GROUP, names.VERSION, names.KIND_GRANT, "modelgrants")
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments", OURS)
CONTROLLER_REVISION: Final = Kind("apps", "v1", "ControllerRevision", "controllerrevisions", OURS)
SERVICE: Final = Kind("", "v1", "Service", "services", OURS)
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps", OURS)
POD: Final = Kind("", "v1", "Pod", "pods", OURS)
EVENT: Final = Kind("", "v1", "Event", "events")
DISRUPTION_BUDGET: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", OURS)
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", OURS)
AUTOSCALER: Final = Kind(
    "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", OURS
)
JOB: Final = Kind("batch", "v1", "Job", "jobs", OURS)
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")

# The kinds that a ModelService owns by a controller reference.
CHILDREN: Final = (
    DEPLOYMENT,
    SERVICE,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    AUTOSCALER,
    JOB,
)
# What the store holds: all of it is listed, watched and swept. Owners come first.
WATCHED: Final = (MODEL_SERVICE, MODEL_VERSION, MODEL_GRANT, *CHILDREN, POD)

BY_NAME: Final[Mapping[str, Kind]] = {item.kind: item for item in (*WATCHED, EVENT, LEASE)}
