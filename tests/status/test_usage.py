"""The status of a ModelVersion."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.status.usage import tells, usage
from modelservice_operator.view import Key

ONE = [Key("a", "s")]
MANY = [Key("a", f"s{number:03}") for number in range(100)]


def test_of_many_users_the_first_are_named_and_all_are_counted() -> None:
    status = usage(MANY)
    assert status["usedBy"] == [f"a/s{number:03}" for number in range(32)]
    assert status["users"] == 100


@pytest.mark.parametrize(
    ("status", "users", "told"),
    [
        ({}, [], True),
        ({"users": 0}, [], True),
        ({"usedBy": [], "users": 0}, [], False),
        ({}, ONE, False),
        ({"usedBy": ["a/s"], "users": 1}, ONE, True),
        ({"usedBy": ["a/s"], "users": 1}, [], False),
        ({"usedBy": ["a/s"]}, ONE, False),
        ({"usedBy": ["a/s"], "users": 2}, ONE, False),
        ({"usedBy": ["a/s"], "users": 1, "signer": "somebody"}, ONE, True),
    ],
)
def test_what_is_told_already_is_not_written(
    status: dict[str, Any], users: list[Key], told: bool
) -> None:
    assert tells(status, users=users) == told


def test_what_was_written_is_told() -> None:
    for users in ([], ONE, MANY):
        assert tells(usage(users), users=users)
