"""The strings and numbers that the API's types are made of: each with its bounds and its rule.

All are strict (a number is not taken for a string), because the API server is. Quantities,
durations and decimals come out canonical, so that equal specs compare equal.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, WithJsonSchema

from modelservice_operator.api import decimals, duration, quantity
from modelservice_operator.api.schema import RULES, Range, Rule, matches

_ALNUM = "[A-Za-z0-9]"
_WORD = f"{_ALNUM}([-A-Za-z0-9_.]{{0,61}}{_ALNUM})?"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
LABEL_KEY_REGEX = f"({_DOMAIN}/)?{_WORD}"
LABEL_KEY_TEXT = (
    "an optional DNS prefix and '/', then at most 63 of A-Z, a-z, 0-9, '.', '_' and '-', "
    "with a letter or digit first and last"
)
LABEL_VALUE_REGEX = f"({_WORD})?"

# A path segment holds something but dots: object stores clash over `.`, `..` and empty segments.
_KEY = r"A-Za-z0-9!_*()=+@:,~$&;-"
SEGMENTS_REGEX = rf"(/\.*[{_KEY}][.{_KEY}]*)+"
S3_OBJECT_REGEX = rf"s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]{SEGMENTS_REGEX}"


def is_label_key(text: str) -> bool:
    """Kubernetes' qualified name; its DNS prefix is at most 253 characters long."""
    return re.fullmatch(LABEL_KEY_REGEX, text) is not None and text.find("/") <= 253


def label_key_cel(value: str) -> str:
    """The same of the CEL expression `value`."""
    return f"{value}.matches(r'^(?:{LABEL_KEY_REGEX})$') && {value}.indexOf('/') <= 253"


Bool = StrictBool
Index = Annotated[int, Range(1, 2**31 - 1)]
Counter = Annotated[int, Range(0, 2**31 - 1)]

ObjectName = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=253),
    matches(_DOMAIN, message="must be the name of an object: a-z, 0-9, - and ."),
]
Namespace = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=63),
    matches(_DNS_LABEL, message="must be the name of a namespace: a-z, 0-9 and -"),
]
ModelName = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=63),
    matches(
        _WORD,
        message="name of a model must be at most 63 of A-Z, a-z, 0-9, '.', '_' and '-', "
        "with a letter or digit first and last (Triton and labels allow no more)",
    ),
]
TensorName = Annotated[str, Field(strict=True, min_length=1, max_length=256)]
LabelKey = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=317),
    Rule[str](
        cel=label_key_cel("self"),
        check=is_label_key,
        message=f"must be a label's key: {LABEL_KEY_TEXT}",
    ),
]
LabelValue = Annotated[
    str,
    Field(strict=True, max_length=63),
    matches(
        LABEL_VALUE_REGEX,
        message="must be a label's value: at most 63 of A-Z, a-z, 0-9, '.', '_' and '-', "
        "with a letter or digit first and last",
    ),
]
ExtendedResource = Annotated[
    str,
    Field(strict=True, min_length=3, max_length=253),
    matches(
        rf"{_DNS_LABEL}(\.{_DNS_LABEL})+/{_WORD}",
        message="must be an extended resource such as nvidia.com/mig-1g.10gb",
    ),
    Rule[str](
        cel="!self.contains('kubernetes.io/')",
        check=lambda name: "kubernetes.io/" not in name,
        message="must be an extended resource, and kubernetes.io/ is reserved by Kubernetes",
    ),
]

S3Object = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=1024),
    matches(
        S3_OBJECT_REGEX,
        message="uri must be s3://<bucket>/<key> without spaces, '?', '#', '%' or '..', "
        "as in s3://models/digits/model.onnx",
    ),
]
S3Location = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=1024),
    matches(
        S3_OBJECT_REGEX + "/?",
        message="uri must be s3://<bucket>/<key>, as in s3://models/digits/3/",
    ),
]
Sha256 = Annotated[
    str,
    Field(strict=True, min_length=64, max_length=64),
    matches(
        "[0-9a-f]{64}",
        message="sha256 must be 64 lower-case hexadecimal digits, as sha256sum prints them",
    ),
]
Digest = Annotated[
    str,
    Field(strict=True, min_length=71, max_length=71),
    matches("sha256:[0-9a-f]{64}", message="digest must be sha256:<64 lower-case hex digits>"),
]


def _number_as_text(value: object) -> object:
    """`cpu: 2` is a quantity too; True is not, though Python counts it as an int."""
    return str(value) if type(value) is int else value


_QUANTITY_RULE = Rule[str](
    cel=f"string(self).matches(r'^(?:{quantity.REGEX})$')",
    check=matches(quantity.REGEX, message="").check,
    message="must be a quantity of at least 0 such as 500m, 2 or 1.5Gi",
)
Quantity = Annotated[
    str,
    BeforeValidator(_number_as_text),
    Field(strict=True, max_length=32),
    _QUANTITY_RULE,
    AfterValidator(quantity.canonical),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            RULES: [_QUANTITY_RULE.as_json()],
        }
    ),
]

Duration = Annotated[
    str,
    Field(strict=True, min_length=2, max_length=32),
    matches(duration.REGEX, message="must be a duration such as 500us, 30m or 1h30m"),
]


def between(low: str, high: str) -> Rule[str]:
    """A duration from `low` to `high`, both allowed."""
    return Rule(
        # The first half repeats the syntax: an expression that fails to convert hides the message.
        cel=f"!self.matches(r'^(?:{duration.REGEX})$') || "
        f"(duration(self) >= duration('{low}') && duration(self) <= duration('{high}'))",
        check=lambda text: (
            duration.microseconds(low) <= duration.microseconds(text) <= duration.microseconds(high)
        ),
        message=f"must be a duration from {low} to {high}",
    )


DecimalText = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=32),
    matches(decimals.REGEX, message='must be a decimal in quotes, such as "0.001"'),
]


def decimal_between(low: str, high: str, *, low_excluded: bool = False) -> Rule[str]:
    """A decimal string from `low` to `high`."""
    above = ">" if low_excluded else ">="
    return Rule(
        cel=f"!self.matches(r'^(?:{decimals.REGEX})$') || "
        f"(double(self) {above} double('{low}') && double(self) <= double('{high}'))",
        check=lambda text: (
            Decimal(low) <= Decimal(text) <= Decimal(high)
            and not (low_excluded and Decimal(text) == Decimal(low))
        ),
        message=f"must be {'more than' if low_excluded else 'at least'} {low} and at most {high}",
    )


# Last in an Annotated: what stands before it sees the text as the user wrote it.
CanonicalDuration = AfterValidator(duration.canonical)
CanonicalDecimal = AfterValidator(decimals.canonical)
