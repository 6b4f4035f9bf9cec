"""The spec changes are held against the CRD: no property is forgotten, no bound, no word."""

from __future__ import annotations

from typing import Any

from e2e.faults.workloads import WORKLOADS
from e2e.faults.workloads.parts.schema import Property, properties, refused, values
from e2e.faults.workloads.spec_changes import GROUPS, bad, changed, specs

# What is not tried, and why.
TOO_MANY = {
    "serving.replicas": {1000},  # a thousand pods
    "autoscaling.minReplicas": {1000},  # an autoscaler would make them
}
EVERY = [spec for group in GROUPS for _, spec, _ in specs(group)]


def found(prop: Property) -> list[Any]:
    return [value for spec in EVERY for value in values(spec, prop.path)]


def test_every_property_is_set() -> None:
    assert [str(prop) for prop in properties() if not found(prop)] == []


def test_every_property_that_may_be_left_out_is_left_out() -> None:
    always = [
        str(prop)
        for prop in properties()
        if all(any(True for _ in values(spec, prop.path)) for spec in EVERY)
    ]
    # a service has models with names; `serving.replicas` is the base's
    assert always == ["models[].name", "models[]", "models"]


def test_every_bound_and_every_word_is_tried() -> None:
    missing = []
    for prop in properties():
        bounds = {prop.schema[key] for key in ("minimum", "maximum") if key in prop.schema}
        words = set(prop.schema.get("enum", ()))
        tried = {value for value in found(prop) if not isinstance(value, dict | list)}
        lacking = (bounds | words) - tried - TOO_MANY.get(str(prop), set())
        missing += [f"{prop}: {value!r}" for value in sorted(lacking, key=str)]
    assert missing == []


def test_every_property_has_a_value_that_is_refused() -> None:
    tried = {str(prop) for group in GROUPS for prop, _, _ in bad(group)}
    assert {str(prop) for prop in properties() if any(True for _ in refused(prop))} == tried


def test_a_change_is_merged_into_the_base() -> None:
    base = {"models": [{"name": "m", "source": {"uri": "a", "sha256": "b"}}], "x": {"y": 1}}
    change = {"models": [{"source": {"uri": "c", "sha256": None}}], "x": {"z": 2}}
    assert changed(base, change) == {
        "models": [{"name": "m", "source": {"uri": "c"}}],
        "x": {"y": 1, "z": 2},
    }


def test_altered_children_and_spec_changes_end_as_they_began() -> None:
    assert {w.like for w in WORKLOADS.values() if w.name.startswith("altered_")} == {"serves"}
    assert {w.like for w in WORKLOADS.values() if w.name.startswith("spec_")} == {"serves", ""}
