"""Typed reading of JSON that another program wrote: each error names the field and the rule.

Absent and null are the same. Unknown fields are ignored, so that an operator and a program of
two versions understand each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Self, TypeVar

E = TypeVar("E", bound=StrEnum)


class FieldError(ValueError):
    """A field that is missing or wrong, as a sentence."""


@dataclass(frozen=True)
class Fields:
    """One JSON object and where it stands in its document."""

    values: Mapping[str, Any]
    path: str = ""

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a JSON document whose top is an object."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FieldError(f"it is not JSON ({error})") from None
        if not isinstance(document, dict):
            raise FieldError("it is not a JSON object")
        return cls(document)

    def has(self, name: str) -> bool:
        """Whether the field is set."""
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        """A string that is not empty."""
        value = self._required(name)
        if not isinstance(value, str) or not value:
            raise self.error(name, "must be a string", value)
        return value

    def integer(self, name: str, *, at_least: int) -> int:
        """A whole number."""
        value = self._required(name)
        # NB: JSON's true is an int in Python.
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            raise self.error(name, f"must be a whole number of at least {at_least}", value)
        return value

    def number(self, name: str) -> float:
        """A finite number of at least 0."""
        value = self._required(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(name, "must be a number", value)
        if not 0 <= value < float("inf"):
            raise self.error(name, "must be a finite number of at least 0", value)
        return float(value)

    def decimal(self, name: str, *, above: float | None = None) -> float:
        """A finite decimal written as a string, zero or more (more than `above`, if given)."""
        rule = "must be a decimal string of at least 0"
        if above is not None:
            rule = f"must be a decimal string above {above:g}"
        text = self.text(name)
        try:
            value = float(Decimal(text))
        except InvalidOperation:
            raise self.error(name, rule, text) from None
        lowest = 0.0 if above is None else above
        if not lowest <= value < float("inf") or value == above:
            raise self.error(name, rule, text)
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """One of an enum's values."""
        text = self.text(name)
        try:
            return kind(text)
        except ValueError:
            raise self.error(name, f"must be one of {', '.join(kind)}", text) from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; absent is empty."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, "must be a list of strings", value)
        return tuple(value)

    def integers(self, name: str, *, at_least: int) -> tuple[int, ...]:
        """A list of whole numbers that is not empty."""
        value = self._required(name)
        rule = f"must be a list of whole numbers of at least {at_least}"
        if not isinstance(value, list) or not value:
            raise self.error(name, rule, value)
        if any(type(item) is not int or item < at_least for item in value):
            raise self.error(name, rule, value)
        return tuple(value)

    def flag(self, name: str) -> bool:
        """True or false; absent is false."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.error(name, "must be true or false", value)
        return bool(value)

    def objects(self, name: str) -> tuple["Fields", ...]:
        """A list of objects that is not empty; each knows its number in its path."""
        value = self._required(name)
        if not isinstance(value, list) or not value:
            raise self.error(name, "must be a list of objects", value)
        if not all(isinstance(item, dict) for item in value):
            raise self.error(name, "must be a list of objects", value)
        return tuple(
            Fields(item, path=f"{self.path}{name}[{index}].") for index, item in enumerate(value)
        )

    def nested(self, name: str) -> "Fields":
        """A nested object; absent is empty, so that what it lacks is named by its own path."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.error(name, "must be an object", value)
        return Fields(value or {}, path=f"{self.path}{name}.")

    def error(self, name: str, rule: str, value: object) -> FieldError:
        """The error about field `name`, with what was found (shortened)."""
        return FieldError(f"{self.path}{name} {rule}, not {str(value)[:80]!r}")

    def _required(self, name: str) -> Any:
        if not self.has(name):
            raise FieldError(f"{self.path}{name} is missing")
        return self.values[name]
