"""Every property of the spec is set, set to its bounds, set to what is refused, and taken back.

`spec_changes.yaml` has the specs; a service goes through those of a group, and ends as it began.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.cluster.client import Refused
from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, Step, User, Workload
from e2e.faults.workloads.parts.acts import Act, applies
from e2e.faults.workloads.parts.manifests import model, secret, service, trained
from e2e.faults.workloads.parts.schema import Property, properties, refused, values, with_value
from e2e.faults.workloads.parts.shows import Shows, every, ready, told, versions

FILE: Final = Path(__file__).with_suffix(".yaml")
GROUPS: Final[dict[str, Manifest]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
BASES: Final = {
    "serves": service("digits", serving={"replicas": 2}),
    "trained": service("line", trained("line")),
    "converted": service("grown", model("grown", uri="s3://models/first.keras")),
}
# What the API server says of values that break its schema: unprocessable, or not typed at all.
REFUSED: Final = frozenset({400, 422, 500})


def changed(base: Manifest, change: Manifest) -> Manifest:
    """A spec with a change merged into it; null takes away, and lists are merged item by item."""
    merged: Manifest = _merged(base, change)
    return merged


def specs(group: str) -> Iterator[tuple[str, Manifest, Manifest]]:
    """The specs of a group: name, spec, and what the file says beside it."""
    base = BASES[GROUPS[group]["base"]]
    for item in GROUPS[group]["specs"]:
        yield item["name"], changed(base["spec"], item["set"]), item


def bad(group: str) -> Iterator[tuple[Property, Manifest, Any]]:
    """A spec with one value that has to be refused, for all properties that a group has."""
    for prop in properties():
        for _, spec, item in specs(group):
            if any(True for _ in values(spec, prop.path)) and _names(item["set"], prop.path):
                for value in refused(prop):
                    yield prop, with_value(spec, prop.path, value), value
                break


def _names(change: Manifest, path: tuple[str, ...]) -> bool:
    """Whether a change is about a property, and does not just have it from the base."""
    return any(True for _ in values(change, path))


def _merged(base: Any, change: Any) -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        merged = {key: copy.deepcopy(value) for key, value in base.items() if key not in change}
        for key, value in change.items():
            if value is not None:
                merged[key] = _merged(base.get(key), value)
        return merged
    if isinstance(base, list) and isinstance(change, list) and len(change) <= len(base):
        pairs = zip(base, change, strict=False)
        return [_merged(one, other) for one, other in pairs]
    return copy.deepcopy(change)


def _refuses(base: Manifest, spec: Manifest) -> Act:
    """Refused at once, or else it ends stalled and is taken back."""
    name = base["metadata"]["name"]

    async def act(user: User) -> None:
        try:
            await user.apply({**base, "spec": spec})
        except Refused as refused:
            if refused.status not in REFUSED:
                raise
            return
        await user.until(told(name, "Stalled", "True"))
        await user.apply(base)

    return act


def _judged(name: str, item: Manifest) -> Shows:
    if "says" in item:
        return every(told(name, "Ready", "False", item["says"]), told(name, "Available", "True"))
    if "trains" in item:
        return every(ready(name), told(name, "TrainingComplete", "False", item["trains"]))
    # What is not kept goes once nobody serves it any more: the next spec must not come between.
    kept = [versions(*item["versions"])] if "versions" in item else []
    return every(ready(name), _trained(name), *kept)


def _trained(name: str) -> Shows:
    """No training is under way."""

    def holds(objects: Objects) -> bool:
        entries = objects["ModelService", name]["status"].get("training", ())
        return all(entry["phase"] == "Succeeded" for entry in entries)

    return holds


def _first_version(name: str) -> Shows:
    return lambda objects: objects["ModelService", name]["status"].get("version") == "1"


def _workload(group: str) -> Workload:
    base = BASES[GROUPS[group]["base"]]
    name = base["metadata"]["name"]
    whole = every(ready(name), _trained(name))
    steps = [Step("create", applies(secret(), base), whole)]
    for told_as, spec, item in specs(group):
        changing = applies({**base, "spec": spec})
        steps.append(Step(told_as, changing, _judged(name, item)))
    back = whole if GROUPS[group]["base"] == "serves" else every(whole, _first_version(name))
    steps.append(Step("back", applies(base), back))
    for prop, spec, value in bad(group):
        steps.append(Step(f"{prop}: {str(value)[:40]!r}", _refuses(base, spec), whole))
    return Workload(
        f"spec_{group}",
        f"every property of {group} is set, bounded, refused and taken back",
        tuple(steps),
        # what was made on the way stays
        like="serves" if GROUPS[group]["base"] == "serves" else "",
        faults=False,
    )


WORKLOADS = tuple(_workload(group) for group in GROUPS)
