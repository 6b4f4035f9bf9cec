"""From a live object to a typed one, or to sentences that say what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelservice_operator.api.modelgrant import ModelGrant
from modelservice_operator.api.modelservice import ModelService
from modelservice_operator.api.modelversion import ModelVersion

Object = TypeVar("Object", ModelService, ModelVersion, ModelGrant)

_SHOWN: Final = 5
_SENTENCES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this API",
}
# How pydantic opens a message; ours have the field before them.
_SUBJECT: Final = re.compile(r"^\w+ should")


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about one field."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidSpec(ValueError):  # noqa: N818 - named by its meaning, as all our errors
    """The object breaks rules of its API. The text is fit for a condition's message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        rest = len(self.problems) - _SHOWN
        shown = [str(problem) for problem in self.problems[:_SHOWN]]
        super().__init__("; ".join([*shown, f"and {rest} more"] if rest > 0 else shown))


def parse_service(raw: Mapping[str, Any]) -> ModelService:
    """InvalidSpec when it breaks a rule.

    Fields that this version does not know are ignored: a newer CRD may hold them, and the API
    server drops what no CRD holds. `status` is left out: it has no say in what is wanted.
    """
    return _parse(ModelService, {key: value for key, value in raw.items() if key != "status"})


def parse_version(raw: Mapping[str, Any]) -> ModelVersion:
    """InvalidSpec when it breaks a rule; unknown fields and status as in `parse_service`."""
    return _parse(ModelVersion, {key: value for key, value in raw.items() if key != "status"})


def parse_grant(raw: Mapping[str, Any]) -> ModelGrant:
    """InvalidSpec when it breaks a rule; unknown fields as in `parse_service`."""
    return _parse(ModelGrant, raw)


def parse_strictly(raw: Mapping[str, Any], *, model: type[Object]) -> Object:
    """For what people write: unknown fields are problems too."""
    return _parse(model, raw, extra=None)


def _parse(
    model: type[Object],
    raw: Mapping[str, Any],
    *,
    extra: Literal["ignore"] | None = "ignore",
) -> Object:
    try:
        return model.model_validate(
            _without_nulls(dict(raw)), extra=extra, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise InvalidSpec(_problems(error)) from None


def _without_nulls(value: Any) -> Any:
    """The API server drops a field that is null before it checks or fills in anything."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _problems(error: ValidationError) -> Iterator[Problem]:
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        place = detail["loc"]
        if detail["type"] == "too_short" and any(
            other["loc"][: len(place)] == place for other in details if other is not detail
        ):
            continue  # pydantic counts the good items only; what ails the others is said anyway
        where = _path(place)
        for path, message in detail.get("ctx", {}).get("problems", ()):
            yield Problem(field=(where + path).removeprefix("."), message=message)
        if detail["type"] != "rule":
            yield Problem(field=where, message=_sentence(detail))


def _sentence(detail: ErrorDetails) -> str:
    sentence = _SENTENCES.get(detail["type"]) or _SUBJECT.sub("must", detail["msg"])
    return sentence.replace(" after validation", "")


def _path(location: tuple[int | str, ...]) -> str:
    """`spec.models[0].name`, as the API server writes it; keys of maps stand in brackets."""
    path = ""
    for part in location:
        if isinstance(part, str) and part.replace("-", "_").isidentifier():
            path += f".{part}" if path else part
        else:
            path += f"[{str(part)[:64]}]"
    return path
