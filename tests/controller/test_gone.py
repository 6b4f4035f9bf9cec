"""What went does not come back by a late answer, and is not remembered without end."""

from __future__ import annotations

import pytest

from modelservice_operator.controller.gone import LIMIT, Gone


@pytest.mark.parametrize(
    ("version", "listed", "lives"),
    [("29", False, False), ("30", True, False), ("31", False, True), ("200", False, True)],
)
def test_only_a_later_version_comes_back(version: str, listed: bool, lives: bool) -> None:
    gone = Gone()
    gone.remember("a", version="30")
    assert gone.lives("a", version=version, listed=listed) is lives
    assert gone.lives("b", version="1", listed=False)


def test_without_a_version_nothing_comes_back() -> None:
    gone = Gone()
    gone.remember("a", version="")
    assert not gone.lives("a", version="99", listed=True)


def test_what_was_denied_comes_back_in_a_list_only() -> None:
    gone = Gone()
    gone.deny("a")
    assert not gone.lives("a", version="99", listed=False)
    assert gone.lives("a", version="5", listed=True)
    assert gone.lives("a", version="4", listed=False)  # it is there again


def test_its_memory_is_bounded() -> None:
    gone = Gone()
    for number in range(LIMIT + 10):
        gone.remember(f"u{number}", version="")
    assert gone.lives("u9", version="1", listed=False)
    assert not gone.lives("u10", version="1", listed=False)
