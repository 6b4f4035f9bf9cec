"""The operator is upgraded while a model trains and after: nothing is trained again."""

from __future__ import annotations

from e2e.faults.workload import Step, User, Workload
from e2e.faults.workloads.parts.acts import RESULT, applies, ends
from e2e.faults.workloads.parts.manifests import secret, service, trained
from e2e.faults.workloads.parts.shows import TRAINING, ready, runs
from e2e.faults.workloads.upgraded import IMAGES


async def _upgrade(user: User) -> None:
    await user.restart_operator(platform={"images": IMAGES})


WORKLOAD = Workload(
    "upgraded_training",
    "the operator comes with other images while a model trains, and again when it serves",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line", secret="play-held"))),
            runs(TRAINING),
        ),
        Step("upgrade", _upgrade, runs(TRAINING)),
        Step("trained", ends(TRAINING, code=0, message=RESULT), ready("line")),
        Step("upgrade again", _upgrade, ready("line")),
    ),
)
