"""A training that is refused its data is made again after a pause, and succeeds."""

from __future__ import annotations

import json

from e2e.faults.workload import Step, Workload
from e2e.faults.workloads.parts.acts import RESULT, applies, ends, waits
from e2e.faults.workloads.parts.manifests import secret, service, trained
from e2e.faults.workloads.parts.shows import TRAINING, ready, runs, told

REFUSED = json.dumps(
    {
        "ok": False,
        "reason": "AccessDenied",
        "message": "The store refuses the credentials.",
        "heals": True,
    }
)
WORKLOAD = Workload(
    "training_heals",
    "a training is refused its data, is made again after a pause, and succeeds",
    (
        Step(
            "create",
            applies(secret(), service("line", trained("line", secret="play-held"))),
            runs(TRAINING),
        ),
        Step(
            "refused",
            ends(TRAINING, code=43, message=REFUSED),
            told("line", "Ready", "False", "AccessDenied"),
        ),
        Step("made again", waits, runs(TRAINING)),
        Step("trained", ends(TRAINING, code=0, message=RESULT), ready("line")),
    ),
    slow=True,
)
