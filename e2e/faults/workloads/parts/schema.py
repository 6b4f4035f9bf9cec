"""The properties of the CRD's spec, and values that it has to refuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.faults.record import Manifest

FILE: Final = Path(__file__).parents[4] / "crds" / "modelservice.io_modelservices.yaml"
ITEM, KEY = "[]", "{}"
LONGEST: Final = 400  # what may be longer is not tried: the text would be all that one sees
_UNFIT: Final = {
    "array": "text",
    "object": "text",
    "string": 7,
    "integer": "many",
    "boolean": "yes",
}


@dataclass(frozen=True, slots=True)
class Property:
    """`path` from `spec` on; `[]` is an item of a list, `{}` a value of a map."""

    path: tuple[str, ...]
    schema: Manifest

    def __str__(self) -> str:
        return ".".join(self.path).replace(".[]", "[]")


@cache
def properties() -> tuple[Property, ...]:
    """All of them, parents first."""
    crd = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return tuple(_walk(spec, path=()))


def refused(prop: Property) -> Iterator[Any]:
    """Values that no property of this schema may have."""
    schema = prop.schema
    if schema.get("type") in _UNFIT:
        yield _UNFIT[schema["type"]]
    else:  # a quantity: a number or a text
        yield "many"
    if "enum" in schema:
        yield "Other"
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("minLength", 0) > 0:
        yield ""
    if schema.get("maxLength", LONGEST) < LONGEST:
        yield "9" * (schema["maxLength"] + 1)
    if schema.get("minItems", 0) > 0:
        yield []
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        yield {"unknown": 1}


def values(spec: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What a spec has at a path; nothing where it has nothing."""
    if not path:
        yield spec
        return
    head, rest = path[0], path[1:]
    if head in {ITEM, KEY}:
        for item in spec if head == ITEM else spec.values():
            yield from values(item, rest)
    elif head in spec:
        yield from values(spec[head], rest)


def with_value(spec: Manifest, path: tuple[str, ...], value: Any) -> Manifest:
    """A copy of a spec with `value` at a path that it has; of a list or map in the first item that
    has it."""
    spec = copy.deepcopy(spec)
    at: Any = spec
    for number in range(len(path) - 1):
        at = at[_key(at, path[number:])]
    key = _key(at, path[-1:])
    unknown = isinstance(value, dict) and isinstance(at[key], dict)
    at[key] = {**at[key], **value} if unknown else value
    return spec


def _key(at: Any, path: tuple[str, ...]) -> Any:
    head, rest = path[0], path[1:]
    if head not in {ITEM, KEY}:
        return head
    keys = range(len(at)) if head == ITEM else at
    return next(key for key in keys if any(True for _ in values(at[key], rest)))


def _walk(schema: Manifest, *, path: tuple[str, ...]) -> Iterator[Property]:
    for name, below in schema.get("properties", {}).items():
        yield from _walk(below, path=(*path, name))
    if "items" in schema:
        yield from _walk(schema["items"], path=(*path, ITEM))
    if "additionalProperties" in schema:
        yield from _walk(schema["additionalProperties"], path=(*path, KEY))
    if path:
        yield Property(path, schema)
