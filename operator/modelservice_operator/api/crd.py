"""The CustomResourceDefinitions, made from the types: pydantic's JSON schema made structural.

A structural schema (what the API server takes) has no references and no unions, so definitions are
put in place, `X | None` is an optional X, and what only JSON Schema knows is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelservice_operator.api import names
from modelservice_operator.api.modelgrant import ModelGrant
from modelservice_operator.api.modelservice import ModelService
from modelservice_operator.api.modelversion import ModelVersion
from modelservice_operator.api.schema import RULES, Schema

Json = dict[str, Any]

_FROM_THE_API_SERVER: Final[Json] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    # The name is declared so that a rule on it can point there.
    "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones only show with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def as_json(self) -> Json:
        column = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return {**column, "priority": 1} if self.wide else column


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CRD holds beside its schema."""

    model: type[Schema]
    plural: str
    short_name: str
    categories: tuple[str, ...]
    columns: tuple[Column, ...]
    subresources: Mapping[str, Mapping[str, str]]

    @property
    def kind(self) -> str:
        return self.model.__name__


def _condition(kind: str, *, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_AGE: Final = Column("Age", ".metadata.creationTimestamp", type="date")

SERVICES: Final = Definition(
    model=ModelService,
    plural="modelservices",
    short_name="msvc",
    categories=("all", "models"),
    columns=(
        Column("Ready", _condition("Ready")),
        Column("Reason", _condition("Ready", field="reason")),
        Column("URL", ".status.url"),
        Column("Replicas", ".status.replicas", type="integer"),
        Column("Version", ".status.version"),
        Column("Available", _condition("Available"), wide=True),
        Column("GPU", ".spec.gpu.count", type="integer", wide=True),
        Column("Revision", ".status.revision", wide=True),
        _AGE,
    ),
    subresources={
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.serving.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
)

VERSIONS: Final = Definition(
    model=ModelVersion,
    plural="modelversions",
    short_name="mver",
    categories=("models",),
    columns=(
        Column("Model", ".spec.model"),
        Column("Version", ".spec.version", type="integer"),
        Column("Format", ".spec.format"),
        Column("Digest", ".spec.artifact.digest"),
        Column("Users", ".status.users", type="integer"),
        Column("Used By", ".status.usedBy", wide=True),
        _AGE,
    ),
    subresources={"status": {}},
)

GRANTS: Final = Definition(
    model=ModelGrant,
    plural="modelgrants",
    short_name="mgrant",
    categories=("models",),
    columns=(
        Column("From", ".spec.from"),
        Column("To", ".spec.to"),
        _AGE,
    ),
    subresources={},
)

DEFINITIONS: Final = (SERVICES, VERSIONS, GRANTS)


def manifest(definition: Definition) -> Json:
    """The CustomResourceDefinition, ready for `kubectl apply`."""
    kind = definition.kind
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": definition.plural,
                "singular": kind.lower(),
                "shortNames": [definition.short_name],
                "categories": list(definition.categories),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [one.as_json() for one in definition.columns],
                    "subresources": {
                        name: dict(paths) for name, paths in definition.subresources.items()
                    },
                    "schema": {"openAPIV3Schema": root(definition.model)},
                }
            ],
        },
    }


def root(model: type[Schema]) -> Json:
    """The structural schema of a kind."""
    schema = structural(model.model_json_schema())
    return {
        **schema,
        "properties": {**schema["properties"], **_FROM_THE_API_SERVER},
        "required": ["spec"],
    }


def structural(document: Json) -> Json:
    """A JSON schema with `$defs` as one tree that the API server takes."""
    return _inline(document, definitions=document.get("$defs", {}))


def _inline(schema: Json, *, definitions: Json) -> Json:
    """Keys beside a reference or a union win over those inside it; rules add up."""
    own = {key: value for key, value in schema.items() if key not in _JSON_SCHEMA_ONLY}
    if (default := schema.get("default")) is not None:
        # Of an object the API server fills in the fields' own defaults.
        own["default"] = {} if isinstance(default, dict) else default
    inner = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if "$ref" in schema:
        inner.append(definitions[schema["$ref"].removeprefix("#/$defs/")])
    if len(inner) > 1:
        raise ValueError(f"a union cannot be a structural schema: {inner}")
    for one in inner:
        below = _inline(one, definitions=definitions)
        rules = [*below.get(RULES, ()), *own.get(RULES, ())]
        own = {**below, **own, **({RULES: rules} if rules else {})}
    if "const" in schema:
        own["enum"] = [schema["const"]]
    if "properties" in own:
        own["properties"] = {
            name: _inline(field, definitions=definitions)
            for name, field in own["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(own.get(key), dict):
            own[key] = _inline(own[key], definitions=definitions)
    if own.get("additionalProperties") is False:
        del own["additionalProperties"]
    return _tidy(own)


def _tidy(schema: Json) -> Json:
    """What a reader looks for first comes first, and a docstring's line breaks say nothing."""
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    return {key: schema[key] for key in sorted(schema, key=lambda key: (_RANK.get(key, 1), key))}


_JSON_SCHEMA_ONLY: Final = frozenset({"$defs", "$ref", "anyOf", "const", "default", "title"})
_RANK: Final = {"description": -2, "type": -1, "required": 2, "properties": 3, "items": 3, RULES: 4}
