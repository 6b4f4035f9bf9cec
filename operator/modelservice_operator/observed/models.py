"""What the programs in pods found of models. Pure.

Whoever may create pods in a namespace may write these words, and an agent of another version may
know more of them: only what the API has a place for is taken, and only where it is well-formed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from modelservice_operator.api.common import ModelFormat, Tensors

_TENSORS: Final[TypeAdapter[Any]] = TypeAdapter(Tensors)
_FIELDS: Final = ("name", "dataType", "shape")
_FORMATS: Final = frozenset(get_args(ModelFormat))
_TEXTS: Final = {
    "digest": re.compile(r"sha256:[0-9a-f]{64}"),
    "pin": re.compile(r"[0-9a-f]{40}|sha256:[0-9a-f]{64}"),
    "signer": re.compile(r"[^\x00-\x1f\x7f]{1,253}"),
    "verifiedAt": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII),
}


def models(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By name: `digest`, `pin`, `format`, `signer`, `verifiedAt` and tensors of each model, as far
    as a result has them."""
    told = result.get("models")
    found: dict[str, dict[str, Any]] = {}
    for item in told if isinstance(told, list) else ():
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            continue
        model: dict[str, Any] = {"name": item["name"]}
        for field, form in _TEXTS.items():
            text = item.get(field)
            if isinstance(text, str) and form.fullmatch(text):
                model[field] = text
        known_format = item.get("format")
        if isinstance(known_format, str) and known_format in _FORMATS:
            model["format"] = known_format
        for side in ("inputs", "outputs"):
            known = tensors(item.get(side))
            if known:
                model[side] = known
        found[item["name"]] = model
    return found


def tensors(told: object) -> list[dict[str, Any]]:
    """Tensors with the fields that the API has; empty where one of them is none."""
    if not isinstance(told, list | tuple) or not all(isinstance(item, Mapping) for item in told):
        return []
    known = [{field: item[field] for field in _FIELDS if field in item} for item in told]
    try:
        _TENSORS.validate_python(known)
    except ValidationError:
        return []
    return known
