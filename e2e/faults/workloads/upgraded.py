"""The operator is upgraded: other images touch no pod that runs, and are used for new ones."""

from __future__ import annotations

from e2e.faults.workload import Step, User, Workload
from e2e.faults.workloads.parts.acts import applies
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    SLOWLY,
    model,
    secret,
    service,
)
from e2e.faults.workloads.parts.shows import ready

IMAGES = {
    "agent": "registry.example/agent:2",
    "trainer": "registry.example/trainer:2",
    "converter": "registry.example/converter:2",
    "triton": "registry.example/triton:2",
}
SERVING = {"replicas": 2, "podAnnotations": SLOWLY}
NEW = model("digits", uri=OTHER_FILE, sha256=OTHER_SHA)


async def _upgrade(user: User) -> None:
    await user.restart_operator(platform={"images": IMAGES})


WORKLOAD = Workload(
    "upgraded",
    "the operator comes with other images; a new file follows",
    (
        Step("create", applies(secret(), service("digits", serving=SERVING)), ready("digits")),
        Step("upgrade", _upgrade, ready("digits")),
        Step("new file", applies(service("digits", NEW, serving=SERVING)), ready("digits")),
    ),
)
