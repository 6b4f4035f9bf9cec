"""When the ModelServices are gone, so is all that was theirs; versions and users' objects stay."""

from __future__ import annotations

from e2e.faults.oracles.objects import NAME, SERVICE, VERSION, controller, labels
from e2e.faults.record import Manifest
from e2e.faults.run import Run

STAYS = frozenset({VERSION, "Event", "Lease", "Secret"})


def check(run: Run, reference: Run) -> list[str]:
    if run.deleted_at is None:
        return []
    left = [
        f"{kind} {name} is left"
        for (kind, name), item in sorted(run.left.items())
        if kind not in STAYS and _theirs(kind, item)
    ]
    kept = {key for key in run.end if key[0] in {VERSION, "Secret"}}
    lost = [f"{kind} {name} went with its service" for kind, name in sorted(kept - run.left.keys())]
    return [*left, *lost]


def _theirs(kind: str, item: Manifest) -> bool:
    return kind == SERVICE or NAME in labels(item) or controller(item).get("kind") == SERVICE
