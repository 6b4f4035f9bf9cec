"""The corpus of good and bad objects that the CRDs and the pydantic types must agree on.

`cases/*.yaml` hold `good` and `bad` cases: an object of `cases/bases.yaml` with the values at some
paths set or dropped. A bad case names the `field` that is to blame and, in `says`, words that both
the API server's message and ours hold; one that is `late` passes the API server, and the operator
says it in the status. `!repeat` makes long strings, `!list` long
lists and `!map` large maps.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parent / "cases"


class _Loader(yaml.SafeLoader):
    pass


def _repeat(loader: _Loader, node: yaml.MappingNode) -> str:
    values = loader.construct_mapping(node)
    return values["text"] * values["count"] + values.get("then", "")


def _list(loader: _Loader, node: yaml.MappingNode) -> list[Any]:
    """`item` `count` times, with %d as the index in its strings."""
    values = loader.construct_mapping(node, deep=True)

    def numbered(value: Any, number: int) -> Any:
        if isinstance(value, dict):
            return {key: numbered(item, number) for key, item in value.items()}
        return value.replace("%d", str(number)) if isinstance(value, str) else value

    return [numbered(values["item"], number) for number in range(values["count"])]


def _map(loader: _Loader, node: yaml.MappingNode) -> dict[str, str]:
    """`count` entries, with %d as the index in key and value."""
    values = loader.construct_mapping(node)
    return {
        values["key"].replace("%d", str(number)): values["value"].replace("%d", str(number))
        for number in range(values["count"])
    }


_Loader.add_constructor("!repeat", _repeat)
_Loader.add_constructor("!map", _map)
_Loader.add_constructor("!list", _list)


@dataclass(frozen=True)
class Case:
    """`field` is "" for a good case; `unknown` says that the field is none of the API's."""

    name: str
    manifest: dict[str, Any]
    field: str
    says: str
    unknown: bool
    late: bool

    def __str__(self) -> str:
        return self.name


@cache
def good() -> tuple[Case, ...]:
    return tuple(_cases("good"))


@cache
def bad() -> tuple[Case, ...]:
    return tuple(_cases("bad"))


def _cases(group: str) -> Iterator[Case]:
    bases = _load(CASES / "bases.yaml")
    for path in sorted(CASES.glob("*.yaml")):
        for case in _load(path).get(group, ()):
            manifest = copy.deepcopy(bases[case["base"]])
            for where, value in case.get("set", {}).items():
                parent, key = _place(manifest, where)
                parent[key] = value
            for where in case.get("drop", ()):
                parent, key = _place(manifest, where)
                del parent[key]
            yield Case(
                name=f"{path.stem}: {case['case']}",
                manifest=manifest,
                field=case.get("field", ""),
                says=str(case.get("says", "")),
                unknown=case.get("unknown", False),
                late=case.get("late", False),
            )


def _load(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


def _place(manifest: dict[str, Any], where: str) -> tuple[Any, str | int]:
    """The container and the key of `spec.models[0].name`."""
    keys = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", where)]
    parent: Any = manifest
    for key in keys[:-1]:
        parent = parent[key]
    return parent, keys[-1]
