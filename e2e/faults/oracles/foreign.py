"""What is not the operator's is not written: not applied over, not deleted, not adopted.

Its own are the objects that a ModelService controls, ModelVersions that its trainings make, events,
its Lease, and of a user's objects the status.
"""

from __future__ import annotations

from collections.abc import Iterator

from e2e.faults.history import Change
from e2e.faults.oracles.objects import SERVICE, VERSION, controller, uid, version
from e2e.faults.record import Manifest, Request
from e2e.faults.run import Run

ITS_OWN = frozenset({"Event", "Lease"})
# Kinds of which it makes objects that no ModelService controls.
FREE = frozenset({VERSION})


def check(run: Run, reference: Run) -> list[str]:
    changes: dict[tuple[str, str], list[Change]] = {}
    for change in run.history.changes:
        changes.setdefault((change.kind, change.name), []).append(change)
    found = []
    for request in run.trace.writes():
        if request.kind in ITS_OWN:
            continue
        past = changes.get((request.kind, request.name), [])
        found += [f"{problem}: {request}" for problem in _problems(request, past=past)]
    return found


def _problems(request: Request, *, past: list[Change]) -> Iterator[str]:
    if request.kind == VERSION and request.verb == "delete":
        yield from _not_kept(request, past=past)
        return
    if request.kind in {SERVICE, VERSION} and request.verb != "create":
        if request.subresource != "status":
            yield "more than the status of a user's object was written"
        return
    if request.verb == "delete":
        yield from _deleted(request, past=past)
    elif request.committed and request.answer is not None:
        yield from _written(request, answer=request.answer, past=past)


def _not_kept(request: Request, *, past: list[Change]) -> Iterator[str]:
    """A version goes where a training's retention says so: one that a training made, unused."""
    conditions = (request.body or {}).get("preconditions") or {}
    if not conditions.get("uid"):
        yield "deleted by its name, whatever has it"
    if not request.committed:
        return
    before = _before(past, uid_=conditions.get("uid"), at=request.ended)
    if before is None:
        return
    if "run" not in (before["spec"].get("lineage") or {}):
        yield "deleted although a user published it"
    if (before.get("status") or {}).get("usedBy"):
        yield "deleted although it is used"


def _deleted(request: Request, *, past: list[Change]) -> Iterator[str]:
    conditions = (request.body or {}).get("preconditions") or {}
    if not conditions.get("uid"):
        yield "deleted by its name, whatever has it"
    if not request.committed:
        return
    before = _before(past, uid_=conditions.get("uid"), at=request.ended)
    if before is not None and controller(before).get("kind") != SERVICE:
        yield "deleted although no ModelService controls it"


def _written(request: Request, *, answer: Manifest, past: list[Change]) -> Iterator[str]:
    before = _before(past, uid_=uid(answer), below=version(answer), at=request.ended)
    owner = controller(answer)
    if before is None:
        if owner.get("kind") != SERVICE and request.kind not in FREE:
            yield "made without an owner"
        return
    was = controller(before)
    if was.get("kind") != SERVICE:
        yield "applied over an object that no ModelService controls"
    elif owner.get("uid") != was.get("uid"):
        yield f"taken from the ModelService {was['uid']}"
    wanted = controller(request.body or {"metadata": {}})
    if wanted and wanted.get("uid") != was.get("uid"):
        yield "applied for another ModelService than the one that controls it"


def _before(
    past: list[Change], *, uid_: str | None, at: float, below: int | None = None
) -> Manifest | None:
    """The object of this uid as it was before a write; None where there was none."""
    earlier = [
        change.object
        for change in past
        if change.uid == uid_
        and change.type != "DELETED"
        and (version(change.object) < below if below is not None else change.at <= at)
    ]
    return max(earlier, key=version, default=None)
