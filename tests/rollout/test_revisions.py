"""What is read of a revision that lives in the cluster."""

from __future__ import annotations

import pytest

from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.view import Manifest, Observed


def pod(*, ready: bool, leaving: bool = False) -> Manifest:
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": metadata, "status": {"conditions": conditions}}


READY, UNREADY, LEAVING = pod(ready=True), pod(ready=False), pod(ready=True, leaving=True)


@pytest.mark.parametrize(
    ("available", "pods", "ready"),
    [
        (2, [READY, READY], 2),
        (2, [], 0),
        (2, [UNREADY, READY], 1),
        (2, [LEAVING, LEAVING], 0),
        (0, [READY], 0),
    ],
)
def test_pods_are_ready_where_they_and_their_deployment_say_so(
    available: int, pods: list[Manifest], ready: int
) -> None:
    """The harm: scaled to 0 and back, a Deployment still told of the pods that it had before."""
    deployment = Observed(
        kind="Deployment",
        name="d",
        uid="u",
        resource_version="1",
        created="",
        deleting=False,
        labels={},
        owned={"spec": {"replicas": 2}},
        status={"availableReplicas": available},
    )
    revision = Revision(
        hash="r", number=1, data={}, deployment=deployment, pods=tuple(pods), carrier="r"
    )
    assert revision.ready == ready
    assert revision.stand().ready == ready
