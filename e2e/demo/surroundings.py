"""What the demo finds around itself: which cluster is meant, its tools, its object storage."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import tools
from e2e.cluster.components import s3
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem
from e2e.cluster.target import foreign
from e2e.demo.kubectl import Kubectl

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")


@dataclass(frozen=True)
class Storage:
    """Object storage as pods reach it (`secret`, AWS_* names) and as this machine does."""

    secret: Mapping[str, str]
    endpoint: str


@dataclass(frozen=True)
class Surroundings:
    """`embedded` is the place of the embedded cluster; None where KUBECONFIG names another one."""

    kubectl: Kubectl
    helm: Path
    storage: Storage
    embedded: Places | None

    @property
    def values(self) -> tuple[Path, ...]:
        """Values files for the chart: another cluster has room and a Triton of its own."""
        return (CHECKOUT / "e2e" / "values-dev.yaml",) if self.embedded else ()


def find(*, namespace: str, environment: Mapping[str, str] = os.environ) -> Surroundings:
    """The surroundings, once the cluster is there. Raises Problem."""
    places = Places()
    other = foreign(environment, places=places)
    return Surroundings(
        kubectl=Kubectl(
            program=tools.binary("kubectl"),
            kubeconfig=other or str(places.kubeconfig),
            namespace=namespace,
        ),
        helm=tools.binary("helm"),
        storage=_own(places) if other is None else given(environment),
        embedded=places if other is None else None,
    )


def _own(places: Places) -> Storage:
    keys = s3.keys(places)
    return Storage(
        secret={name: keys[name] for name in SECRET_KEYS}, endpoint=keys["S3_HOST_ENDPOINT_URL"]
    )


def given(environment: Mapping[str, str]) -> Storage:
    missing = [name for name in SECRET_KEYS if not environment.get(name)]
    if missing:
        raise Problem(
            f"the cluster of KUBECONFIG needs an S3 store, and {', '.join(missing)} is not set",
            advice="export these for a store that its pods and this machine can reach",
        )
    secret = {name: environment[name] for name in SECRET_KEYS}
    return Storage(secret=secret, endpoint=secret["AWS_ENDPOINT_URL"])
