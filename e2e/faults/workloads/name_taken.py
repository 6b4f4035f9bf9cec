"""Names of children are taken by others before a service comes: they are left alone."""

from __future__ import annotations

from e2e.faults.workload import Step, User, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import secret, service
from e2e.faults.workloads.parts.shows import every, exists, ready, told
from e2e.faults.workloads.serves import WORKLOAD as SERVES

NAME = "digits"
FOREIGN = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": NAME, "labels": {"team": "other"}},
    "spec": {"selector": {"team": "other"}, "ports": [{"port": 80}]},
}


async def _leave(user: User) -> None:
    await user.delete("Service", NAME)


WORKLOAD = Workload(
    "name_taken",
    "a Service of somebody else has the name that a ModelService needs",
    (
        Step("the other Service", applies(FOREIGN), exists("Service", NAME)),
        Step(
            "create",
            applies(secret(), service(NAME, serving={"replicas": 2})),
            every(told(NAME, "Stalled", "True", "NameConflict"), exists("Service", NAME)),
        ),
        Step("the other one goes", _leave, ready(NAME)),
    ),
    like=SERVES.name,
    slow=True,
)
