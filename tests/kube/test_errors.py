"""Answers of an API server, and what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
    Throttled,
    Unavailable,
    error_of,
)

TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
OTHER_UID = {"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid"}]}


@pytest.mark.parametrize(
    ("status", "body", "expected", "heals"),
    [
        (400, {"reason": "BadRequest"}, Invalid, False),
        (401, {"reason": "Unauthorized"}, Unavailable, True),
        (403, {"reason": "Forbidden"}, Forbidden, True),
        (403, {"reason": "Forbidden", "details": TERMINATING}, Terminating, True),
        (404, {"reason": "NotFound"}, NotFound, True),
        (409, {"reason": "Conflict"}, Conflict, True),
        (409, {"reason": "AlreadyExists"}, AlreadyExists, True),
        (410, {"reason": "Expired"}, Expired, True),
        (413, {}, Invalid, False),
        (422, {"reason": "Invalid", "details": {"causes": [{"field": "spec"}]}}, Invalid, False),
        (422, {"reason": "Invalid", "details": OTHER_UID}, Conflict, True),
        (422, {"reason": "Invalid"}, Invalid, False),
        (429, {"reason": "TooManyRequests"}, Throttled, True),
        (500, {"reason": "InternalError"}, Unavailable, True),
        (503, {}, Unavailable, True),
        (504, {"reason": "Timeout"}, Unavailable, True),
    ],
)
def test_each_answer_has_its_class(
    status: int, body: dict[str, Any], expected: type[ApiError], heals: bool
) -> None:
    error = error_of(status, body=body, kind="Job")

    assert type(error) is expected
    assert error.heals is heals
    assert (error.kind, error.status, error.reason) == ("Job", status, body.get("reason", ""))


@pytest.mark.parametrize(
    ("header", "details", "pause"),
    [
        ("7", None, 7.0),
        (None, {"retryAfterSeconds": 3}, 3.0),
        ("7", {"retryAfterSeconds": 3}, 7.0),
        (None, None, 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, 0.0),
        ("-1", None, 0.0),
    ],
)
def test_the_pause_that_the_server_asks_for(
    header: str | None, details: dict[str, Any] | None, pause: float
) -> None:
    error = error_of(429, body={"details": details}, kind="Job", retry_after=header)

    assert isinstance(error, Throttled)
    assert error.retry_after == pause


def test_an_answer_without_words_is_told_by_its_status() -> None:
    assert str(error_of(502, body={}, kind="Job")) == "Job: HTTP 502"
