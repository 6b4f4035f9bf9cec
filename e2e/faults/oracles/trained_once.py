"""A training or a conversion is run once: one Job a run, unless it failed, and one version of it.

A Job that is made when its ModelService is gone already is no second run: the garbage collector
takes it at once. That the operator could know better is for the oracle `deletion` to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from e2e.faults.oracles.objects import (
    COMPONENT,
    MODEL,
    NAME,
    SERVICE,
    VERSION,
    controller,
    holds,
    labels,
    of,
    uid,
)
from e2e.faults.record import Manifest
from e2e.faults.run import Run

# The component of its Job and of its version, and the word in the Job's name.
_RUNS: Final = {"training": "train", "conversion": "convert"}


@dataclass(slots=True)
class _Job:
    owner: str
    failed: bool = False


def check(run: Run, reference: Run) -> list[str]:
    return [*_jobs(run), *_versions(run)]


def _jobs(run: Run) -> list[str]:
    """A name stands for a run: the Job's name carries the run's hash."""
    found: list[str] = []
    jobs: dict[str, dict[str, _Job]] = {}
    trained: set[str] = set()
    services: set[str] = set()
    for change in of(run, "Job", VERSION, SERVICE):
        item = change.object
        if change.kind == SERVICE:
            (services.discard if change.type == "DELETED" else services.add)(uid(item))
            continue
        if change.kind == VERSION:
            if change.type != "DELETED":
                trained.add(_run_of(item))
            else:
                trained.discard(_run_of(item))  # somebody asks for it again
            continue
        if labels(item).get(COMPONENT) not in _RUNS or change.type == "DELETED":
            continue
        known = jobs.setdefault(change.name, {})
        if uid(item) not in known and _owner(item) in services:
            if any(not job.failed and job.owner == _owner(item) for job in known.values()):
                found.append(f"Job {change.name} was made a second time; the first had not failed")
            if change.name in trained:
                found.append(f"Job {change.name} was made although its version existed")
            known[uid(item)] = _Job(_owner(item))
        if uid(item) in known:
            known[uid(item)].failed |= holds(item, "Failed") or holds(item, "FailureTarget")
    return found


def _versions(run: Run) -> list[str]:
    found: list[str] = []
    numbers: dict[tuple[str, str, str], set[str]] = {}
    for change in of(run, VERSION):
        item = change.object
        lineage = item["spec"].get("lineage") or {}
        if "run" not in lineage:
            continue  # published by a user
        key = (labels(item).get(NAME, ""), item["spec"]["model"], lineage["run"])
        known = numbers.setdefault(key, set())
        if change.type == "DELETED":
            known.discard(change.name)
        elif change.name not in known and known:
            found.append(f"the run {lineage['run']} has two versions: {change.name} too")
        if change.type != "DELETED":
            known.add(change.name)
    return found


def _run_of(item: Manifest) -> str:
    """The name of the Job that a version comes from."""
    lineage = item["spec"].get("lineage") or {}
    verb = _RUNS.get(labels(item).get(COMPONENT, ""))
    return f"{labels(item).get(NAME)}-{labels(item).get(MODEL)}-{verb}-{lineage.get('run')}"


def _owner(item: Manifest) -> str:
    return str(controller(item).get("uid", ""))
