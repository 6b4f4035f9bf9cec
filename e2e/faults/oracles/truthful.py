"""The status says what is: no generation before it was acted on, and Ready only what serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from e2e.faults.history import Change
from e2e.faults.oracles.objects import (
    LOADED,
    REVISION,
    SERVICE,
    VERSION,
    controller,
    holds,
    in_order,
    labels,
    leaves,
    size,
    uid,
)
from e2e.faults.record import Manifest
from e2e.faults.run import Run


@dataclass(slots=True)
class _Seen:
    """What was seen of one ModelService since its spec has been what it is."""

    generation: int = 0
    observed: int = 0
    # revisions that had as many pods available as the spec asks for
    served: set[str] = field(default_factory=set)
    ready: bool = False


@dataclass(slots=True)
class _World:
    services: dict[str, _Seen] = field(default_factory=dict)
    specs: dict[str, Manifest] = field(default_factory=dict)
    deployments: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    records: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    # where a converted file lies → the file that it was made of
    converted: dict[str, str] = field(default_factory=dict)


def check(run: Run, reference: Run) -> list[str]:
    world = _World()
    found: list[str] = []
    for change in in_order(run):
        told = f"at {change.at - run.began:.2f} s {change.kind} {change.name}"
        found += [f"{told} {problem}" for problem in _take(change, world=world)]
    return found


def _take(change: Change, *, world: _World) -> Iterator[str]:
    item = change.object
    owner = str(controller(item).get("uid", ""))
    if change.kind in {"Deployment", "ControllerRevision"}:
        key = (owner, labels(item).get(REVISION, ""))
        kept = world.deployments if change.kind == "Deployment" else world.records
        if change.type == "DELETED":
            kept.pop(key, None)
        else:
            kept[key] = item
        _note(owner, world=world)
    if change.kind == VERSION:
        made_of = (item["spec"].get("lineage") or {}).get("source")
        if made_of is not None:
            world.converted[item["spec"]["artifact"]["uri"]] = made_of["uri"]
        return
    if change.kind != SERVICE or change.type == "DELETED" or leaves(item):
        return
    seen = world.services.setdefault(uid(item), _Seen())
    world.specs[uid(item)] = item
    if item["metadata"]["generation"] != seen.generation:
        seen.generation = item["metadata"]["generation"]
        seen.served.clear()
        _note(uid(item), world=world)
    yield from _judge(item, seen=seen, world=world)


def _note(owner: str, *, world: _World) -> None:
    """Remember which revisions are what the spec asks for."""
    seen, service = world.services.get(owner), world.specs.get(owner)
    if seen is None or service is None:
        return
    for (whose, revision), item in world.deployments.items():
        if whose != owner:
            continue
        available = int((item.get("status") or {}).get("availableReplicas", 0))
        if available >= size(service) and item["spec"].get("replicas") == size(service):
            # Pods that reload serve what they told the operator; no object but its own says it.
            notes = item["metadata"].get("annotations") or {}
            seen.served.add(str(notes.get(LOADED, revision)).rpartition("-")[2])


def _judge(item: Manifest, *, seen: _Seen, world: _World) -> Iterator[str]:
    status = item.get("status") or {}
    observed = int(status.get("observedGeneration", 0))
    if observed > seen.generation:
        yield f"claims generation {observed} and is at {seen.generation}"
    if observed < seen.observed:
        yield f"went back from generation {seen.observed} to {observed}"
    seen.observed = max(seen.observed, observed)
    if not status or observed != seen.generation or not holds(item, "Ready"):
        return
    if holds(item, "Stalled") or (holds(item, "Reconciling") and _settled(item)):
        yield "is Ready and Stalled or Reconciling at once"
    if item["spec"].get("suspend"):
        return
    revision = str(status.get("revision", "")).removeprefix(f"{item['metadata']['name']}-")
    if revision not in seen.served:
        yield f"says Ready, and revision {revision or 'none'} never had the pods of this spec"
    else:
        yield from _asked_for(item, revision=revision, world=world)


def _settled(item: Manifest) -> bool:
    """Whether no training is under way, which is work beside a service that is ready."""
    return not any("training" in model for model in item["spec"]["models"])


def _asked_for(item: Manifest, *, revision: str, world: _World) -> Iterator[str]:
    """Ready means the current spec: the revision holds its files."""
    record = world.records.get((uid(item), revision))
    if record is None:
        return
    served = {model["name"]: model for model in (record.get("data") or {}).get("models", ())}
    for model in item["spec"]["models"]:
        source = model.get("source")
        if source is None:
            continue
        has = served.get(model["name"], {})
        made_of = world.converted.get(has.get("uri", ""))
        if made_of == source["uri"]:
            continue  # the digest is the converted file's own
        if has.get("uri") != source["uri"]:
            yield f"says Ready, and {model['name']} is {has.get('uri')} and not {source['uri']}"
        elif source.get("sha256") and has.get("digest") != f"sha256:{source['sha256']}":
            yield f"says Ready, and {model['name']} has the digest {has.get('digest')}"
