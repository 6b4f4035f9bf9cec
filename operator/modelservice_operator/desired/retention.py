"""Which versions of its own a training has in excess. Pure.

Only what this service's training published is ever in excess, and never what anybody serves, what
the current spec asks for, or the newest one: numbers go on, and a run is done while its version
stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelservice_operator.api import names
from modelservice_operator.desired.child import Owner
from modelservice_operator.desired.runs import Run
from modelservice_operator.view import Manifest, View


def surplus(runs: Sequence[Run], *, owner: Owner, view: View) -> tuple[Manifest, ...]:
    """The versions that `training.retention` does not keep, oldest last."""
    return tuple(version for run in runs for version in _surplus(run, owner=owner, view=view))


def _surplus(run: Run, *, owner: Owner, view: View) -> Iterator[Manifest]:
    if run.training is None or run.training.retention is None:
        return
    own = [version for version in view.versions if _made_by(version, run=run, owner=owner)]
    own.sort(key=lambda version: int(version["spec"]["version"]), reverse=True)
    needed = [item["metadata"]["uid"] for item in (run.version, run.serving) if item is not None]
    for version in own[run.training.retention.keep :]:
        metadata = version["metadata"]
        # As told too: while it says so, the API server refuses to delete it.
        used = metadata["name"] in view.used or (version.get("status") or {}).get("usedBy")
        if not used and metadata["uid"] not in needed and "deletionTimestamp" not in metadata:
            yield version


def _made_by(version: Manifest, *, run: Run, owner: Owner) -> bool:
    """Whether a training of this model published it, and not a user under the service's label."""
    labels = version["metadata"].get("labels") or {}
    lineage = version["spec"].get("lineage") or {}
    return (
        labels.get(names.LABEL_APP_MANAGED_BY) == names.MANAGER
        and version["spec"]["model"] == run.model.name
        and lineage.get("service") == owner.name
        and "run" in lineage
    )
