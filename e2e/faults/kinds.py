"""The kinds that users write and that the history follows: the operator's, and some more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelservice_operator.kube.kinds import BY_NAME, WATCHED, Kind

REPLICA_SET: Final = Kind("apps", "v1", "ReplicaSet", "replicasets")
EVENT: Final = Kind("", "v1", "Event", "events")
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")

_ALL: Final = tuple(Kind(kind.group, kind.version, kind.kind, kind.plural) for kind in WATCHED)
FOLLOWED: Final = (*_ALL, REPLICA_SET, EVENT, LEASE, SECRET, SERVICE_ACCOUNT, ENDPOINT_SLICE)

# Also the kinds that only users make.
WRITABLE: Final[Mapping[str, Kind]] = {
    **{kind.kind: kind for kind in (*BY_NAME.values(), *FOLLOWED)},
    "ResourceQuota": Kind("", "v1", "ResourceQuota", "resourcequotas"),
    "LimitRange": Kind("", "v1", "LimitRange", "limitranges"),
    "PersistentVolumeClaim": Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
}
