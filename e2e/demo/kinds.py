"""Where the API server keeps each kind that the demo and the suite look at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`name` as kubectl takes it, with its group so that no other kind can be meant."""

    name: str
    root: str
    plural: str

    def path(self, *, namespace: str | None, query: str = "") -> str:
        """The path of the list, in one namespace or (None) in all of them."""
        where = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.root}{where}/{self.plural}{'?' if query else ''}{query}"


def _kind(group: str, version: str, plural: str) -> Kind:
    if not group:
        return Kind(name=plural, root=f"/api/{version}", plural=plural)
    return Kind(name=f"{plural}.{group}", root=f"/apis/{group}/{version}", plural=plural)


MODEL_SERVICE = _kind("modelservice.io", "v1alpha1", "modelservices")
MODEL_VERSION = _kind("modelservice.io", "v1alpha1", "modelversions")
MODEL_GRANT = _kind("modelservice.io", "v1alpha1", "modelgrants")
POD = _kind("", "v1", "pods")
SERVICE = _kind("", "v1", "services")
CONFIG_MAP = _kind("", "v1", "configmaps")
CLAIM = _kind("", "v1", "persistentvolumeclaims")
VOLUME = _kind("", "v1", "persistentvolumes")
EVENT = _kind("", "v1", "events")
DEPLOYMENT = _kind("apps", "v1", "deployments")
REPLICA_SET = _kind("apps", "v1", "replicasets")
CONTROLLER_REVISION = _kind("apps", "v1", "controllerrevisions")
JOB = _kind("batch", "v1", "jobs")
BUDGET = _kind("policy", "v1", "poddisruptionbudgets")
NETWORK_POLICY = _kind("networking.k8s.io", "v1", "networkpolicies")
AUTOSCALER = _kind("autoscaling", "v2", "horizontalpodautoscalers")
LEASE = _kind("coordination.k8s.io", "v1", "leases")
CRD = _kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
