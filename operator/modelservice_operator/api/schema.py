"""How a type of the API is declared: one base class, and rules that speak CEL and Python at once.

A rule stands beside the fields that it binds and holds both its CEL expression, which the CRD
carries and the API server evaluates, and the Python check, which pydantic runs. A test runs one
corpus of specs against both and they must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")

RULES = "x-kubernetes-validations"


def broken(problems: Sequence[tuple[str, str]]) -> PydanticCustomError:
    """The error of broken rules: (path below the value, sentence) each, for `parse` to list."""
    text = "; ".join(message for _, message in problems)
    return PydanticCustomError("rule", "{text}", {"text": text, "problems": tuple(problems)})


@dataclass(frozen=True)  # no slots: a generic class must let typing mark its instances
class Rule(Generic[T]):
    """What must hold of a value: on a type in its `rules`, on a scalar or list in `Annotated`.

    `message` names the field, the rule and what to do. `path` is the part of the value that is to
    blame, as CEL's fieldPath writes it (".maxBatchSize").
    """

    cel: str
    check: Callable[[T], bool]
    message: str
    path: str = ""

    def as_json(self) -> dict[str, str]:
        rule = {"rule": self.cel, "message": self.message}
        return {**rule, "fieldPath": self.path} if self.path else rule

    def __get_pydantic_core_schema__(
        self, source: type[T], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._hold, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        json = handler(schema)
        return {**json, RULES: [*json.get(RULES, ()), self.as_json()]}

    def _hold(self, value: T) -> T:
        if not self.check(value):
            raise broken([(self.path, self.message)])
        return value


@dataclass(frozen=True, slots=True)
class Range:
    """An integer from `low` to `high`. 8.0 is one, as it is to the API server; "8" is not."""

    low: int
    high: int

    def __get_pydantic_core_schema__(
        self, source: type[int], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        integer = core_schema.int_schema(strict=True, ge=self.low, le=self.high)
        return core_schema.no_info_before_validator_function(_whole, integer)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def matches(regex: str, *, message: str) -> Rule[str]:
    """A string that matches as a whole. A rule and not a `pattern`, because it can say why."""
    compiled = re.compile(regex)
    return Rule(
        cel=f"self.matches(r'^(?:{regex})$')",
        check=lambda text: compiled.fullmatch(text) is not None,
        message=message,
    )


@dataclass(frozen=True, slots=True)
class ListType:
    """A list whose items are unique: as a whole (`set`) or by one field (`map`).

    It stands last in an Annotated: bounds after it would check, but not reach the JSON schema.
    """

    key: str | None = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._unique, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if self.key is None:
            return {**handler(schema), "x-kubernetes-list-type": "set"}
        map_keys = [to_camel(self.key)]
        return {
            **handler(schema),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": map_keys,
        }

    def _unique(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[Hashable] = set()
        for index, item in enumerate(items):
            identity = item if self.key is None else getattr(item, self.key)
            if identity in seen:
                raise broken([(f"[{index}]", f"{self.key or 'value'} must be unique in the list")])
            seen.add(identity)
        return items


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule about a change, which only the API server sees: CEL alone, over `oldSelf`."""

    cel: str
    message: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": self.cel, "message": self.message}
        return {**handler(schema), RULES: [rule]}


SET = ListType()
BY_NAME = ListType("name")


class Schema(BaseModel):
    """Base of every type of the API: immutable, camelCase outside, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule[Any], ...]] = ()

    def late_problems(self) -> Iterable[tuple[str, str]]:
        """What rules cannot say because CEL would cost too much: (path below the value, sentence).

        The API server takes such an object; the operator refuses it in the status."""
        return ()

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        problems = [(rule.path, rule.message) for rule in self.rules if not rule.check(self)]
        # Late problems may rely on the rules.
        problems = problems or list(self.late_problems())
        if problems:
            raise broken(problems)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        json = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            json[RULES] = [rule.as_json() for rule in cls.rules]
        return json
