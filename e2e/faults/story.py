"""What happened in a run, for somebody who wants to know why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from e2e.faults.record import Manifest, Request
from e2e.faults.run import Run

LOG_LINES: Final = 40
_UNTOLD: Final = frozenset({"Event", "EndpointSlice", "Lease", "ServiceAccount"})


def story(run: Run, violations: Sequence[str]) -> str:
    """A text of a few pages."""
    return "\n".join(_lines(run, violations)) + "\n"


def _lines(run: Run, violations: Sequence[str]) -> Iterator[str]:
    yield str(run.plan)
    yield f"namespace {run.namespace}; faults struck {run.fired} times"
    yield ""
    yield from (f"VIOLATION {violation}" for violation in violations)
    if run.stuck:
        yield f"STUCK {run.stuck}"
    yield ""
    yield "What happened (seconds since the plan's start):"
    yield from (f"{at - run.began:8.2f}  {told}" for at, told in sorted(_moments(run)))
    yield ""
    yield from _services(run)
    for process, log in run.logs.items():
        yield f"The end of the log of process {process}:"
        text = log.read_text(errors="replace") if log.exists() else "(it is gone)"
        yield from (f"  {line}" for line in text.splitlines()[-LOG_LINES:])


def _moments(run: Run) -> Iterator[tuple[float, str]]:
    yield from _doings(run)
    for request in run.trace.requests:
        if _telling(request):
            took = f"{request.ended - request.at:.2f} s"
            yield request.at, f"ASKED  {request}{_sized(request.body)} ({took})"
    for event in run.trace.events:
        if event.fault:
            what = f"{event.type} {event.kind}/{event.name}"
            yield event.at, f"EVENT  process {event.process}: {what} [{event.fault}]"
    for change in run.history.changes:
        if change.kind not in _UNTOLD:
            version = change.object["metadata"]["resourceVersion"]
            what = f"{change.type} {change.kind}/{change.name}{_sized(change.object)}"
            yield change.at, f"       {what} @{version}"


def _sized(item: Manifest | None) -> str:
    """How many pods a Deployment is to have: most rollouts are told by that alone."""
    if item is None or item.get("kind") != "Deployment" or "replicas" not in item.get("spec", {}):
        return ""
    return f", {item['spec']['replicas']} pods"


def _doings(run: Run) -> Iterator[tuple[float, str]]:
    """Of the user, the suite and the operator's processes."""
    for moment in run.moments:
        yield moment.began, f"USER   {moment.step}"
        if moment.ended is not None:
            yield moment.ended, f"USER   {moment.step}: over"
    for exit_ in run.exits:
        why = "" if exit_.expected else ", by itself"
        yield exit_.at, f"EXIT   process {exit_.process}: {exit_.status}{why}"
    if run.converged_at is not None:
        yield run.converged_at, "SUITE  the end state is reached"
    if run.quiet is not None:
        yield run.quiet[1], "SUITE  the quiet period is over"
    if run.deleted_at is not None:
        yield run.deleted_at, "USER   deletes all services"


def _telling(request: Request) -> bool:
    written = request.writes and request.kind != "Lease"
    return written or bool(request.fault) or not 200 <= request.told < 300


def _services(run: Run) -> Iterator[str]:
    for (kind, name), found in sorted((run.end or run.history.objects).items()):
        if kind == "ModelService":
            yield f"ModelService {name} at the end:"
            conditions = found.get("status", {}).get("conditions", ())
            for condition in conditions:
                parts = (condition.get(part, "") for part in ("type", "status", "reason"))
                yield f"  {' '.join(parts)}: {condition.get('message', '')}"
            rest = {**found.get("status", {}), "conditions": "see above"}
            yield f"  {json.dumps(rest)}"
            yield f"  generation {found['metadata'].get('generation')}"
    yield ""
