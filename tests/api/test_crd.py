"""The generated CRDs: structural, bounded, up to date, and with a bad example for each rule."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from modelservice_operator import generate
from modelservice_operator.api import (
    InvalidSpec,
    ModelGrant,
    ModelService,
    ModelVersion,
    crd,
    entries,
    labels,
    parse_strictly,
)
from modelservice_operator.api.ensemble import KEY_MAX
from modelservice_operator.api.schema import RULES
from tests.api import corpus

REPOSITORY = Path(__file__).parents[2]
TYPES = {"ModelService": ModelService, "ModelVersion": ModelVersion, "ModelGrant": ModelGrant}
FILES = generate.files()
DOCUMENTS = {kind: model.model_json_schema() for kind, model in TYPES.items()}
SCHEMAS = {definition.kind: crd.root(definition.model) for definition in crd.DEFINITIONS}

Json = dict[str, Any]


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        if path or name in ("spec", "status"):
            yield from nodes(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


ALL = [(kind + path, node) for kind, schema in SCHEMAS.items() for path, node in nodes(schema)]


@pytest.mark.parametrize("path", FILES)
def test_generated_files_are_up_to_date(path: str) -> None:
    on_disk = (REPOSITORY / path).read_text(encoding="utf-8")
    assert on_disk == FILES[path], "run `make generate`"


def test_the_schemas_are_structural() -> None:
    for path, node in ALL:
        assert not node.keys() & {"$ref", "$defs", "anyOf", "allOf", "const", "title"}, path
        assert ("type" in node) != ("x-kubernetes-int-or-string" in node), path
        assert node.get("default", {}) is not None, path


def test_everything_is_bounded() -> None:
    bounds = {
        "string": ("maxLength", "enum"),
        "integer": ("maximum",),
        "array": ("maxItems",),
        "object": ("maxProperties", "properties"),
        "boolean": ("type",),
        None: ("maxLength",),
    }
    for path, node in ALL:
        assert node.keys() & set(bounds[node.get("type")]), path


def test_everything_is_described() -> None:
    for path, node in ALL:
        if not path.endswith("[]"):
            assert node.get("description"), path


def largest(schema: Json) -> int:
    """Length of the longest JSON that the schema takes, in ASCII; keys of maps as labels' keys."""
    if "enum" in schema:
        return max(len(value) for value in schema["enum"]) + 2
    if "properties" in schema:
        return 2 + sum(len(name) + 4 + largest(one) for name, one in schema["properties"].items())
    match schema.get("type"):
        case "array":
            return 2 + schema["maxItems"] * (largest(schema["items"]) + 1)
        case "object":
            entry = 317 + 4 + largest(schema["additionalProperties"])
            return 2 + schema["maxProperties"] * entry
        case "integer":
            return max(len(str(schema["minimum"])), len(str(schema["maximum"])))
        case "boolean":
            return len("false")
        case _:
            return int(schema["maxLength"]) + 2


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_spec_stays_small(kind: str) -> None:
    """Client-side apply keeps a copy in an annotation, and annotations end at 256 KiB."""
    spec = copy.deepcopy(SCHEMAS[kind]["properties"]["spec"])
    pools = _empty_pools(spec) if kind == "ModelService" else 0
    assert largest(spec) + pools < 240 * 1024


def _empty_pools(spec: Json) -> int:
    """Takes out what rules bound over all models together, and tells how long that can get."""
    models = spec["properties"]["models"]
    counted = [_below(models["items"], path) for path in entries.COUNTED]
    counted += [
        _below(_below(models["items"], path)["items"], below) for path, below in entries.NESTED
    ]
    longest = max(_entry(one) for one in counted)
    for one in counted:
        one["maxItems" if one["type"] == "array" else "maxProperties"] = 0
    steps = _below(models["items"], ("ensemble", "steps"))
    # A step names an input and an output at least.
    steps["maxItems"] = entries.MAX // 2 // models["maxItems"]
    # A rule allows one origin, and another one kind of batching.
    model = models["items"]["properties"]
    origins = [model.pop(name) for name in ("source", "versionRef", "training", "ensemble")]
    model["origin"] = max(origins, key=largest)
    batching = [model.pop(name) for name in ("dynamicBatching", "sequenceBatching")]
    model["batching"] = max(batching, key=largest)
    model["labels"]["maxItems"] = 0
    return entries.MAX * longest + labels.CHARACTERS_MAX


def _below(schema: Json, path: tuple[str, ...]) -> Json:
    for name in path:
        schema = schema["properties"][to_camel(name)]
    return schema


def _entry(schema: Json) -> int:
    """Keys of those maps are at most as long as a tensor's name."""
    if "additionalProperties" in schema:
        return KEY_MAX + 4 + largest(schema["additionalProperties"])
    return largest(schema["items"]) + 1


def test_each_rule_is_broken_by_a_bad_case() -> None:
    rules = {
        rule["message"]
        for path, node in ALL
        if ".status" not in path
        for rule in node.get(RULES, ())
        if "oldSelf" not in rule["rule"]
    }
    broken = set()
    for case in corpus.bad():
        with pytest.raises(InvalidSpec) as refusal:
            parse_strictly(case.manifest, model=TYPES[case.manifest["kind"]])
        broken |= {problem.message for problem in refusal.value.problems}
    assert rules - broken == set()


def test_each_bounded_field_has_a_bad_case() -> None:
    tried = {
        field
        for case in corpus.bad()
        if not case.unknown
        for field in fields(DOCUMENTS[case.manifest["kind"]], re.sub(r"\[\d+\]", "", case.field))
    }
    declared = {
        f"{name}.{field}"
        for document in DOCUMENTS.values()
        for name, schema in document["$defs"].items()
        for field, node in schema.get("properties", {}).items()
        if "Status" not in name and name not in {"ObjectMeta", "Condition", "SeenTensor"}
        if re.search(r'"(maximum|maxLength|maxItems|enum|maxProperties)"', json.dumps(node))
    }
    assert declared - tried == set()


def fields(document: Json, path: str) -> Iterator[str]:
    """`Model.name` for `spec.models.name`: the types that the path goes through, and its fields."""
    schema = document
    for key in path.split("."):
        yield f"{schema.get('title')}.{key}"
        reference = re.search(
            r'"#/\$defs/(\w+)"', json.dumps(schema.get("properties", {}).get(key))
        )
        schema = document["$defs"][reference[1]] if reference else {}


def test_a_union_is_not_made_structural_by_guessing() -> None:
    with pytest.raises(ValueError, match="union"):
        crd.structural({"anyOf": [{"type": "string"}, {"type": "integer"}]})


def test_no_word_of_a_definition_is_a_boolean_to_others() -> None:
    """Helm and kubectl read YAML 1.1: `default: y` would be `true` to them."""
    for path, text in FILES.items():
        assert re.findall(r"(?m)^.*[:-] (?:y|Y|n|N|yes|no|on|off)$", text) == [], path
    assert "'y'" in generate._yaml({"default": "y"})
