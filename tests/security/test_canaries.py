"""The search for canaries finds them as they are and inside base64, wherever they begin."""

from __future__ import annotations

import base64

import pytest

from e2e.security.canaries import canary, found


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_canary_is_found_in_base64_at_every_offset(before: str) -> None:
    text = canary()
    hidden = base64.b64encode(f"{before}{text} and more".encode())
    assert found({"key": text}, places={"log": b"<" + hidden + b">"}) == ["key is in log"]


def test_a_canary_is_found_in_the_open_and_nowhere_else() -> None:
    text, other = canary(), canary()
    places = {"log": f"token={text}".encode(), "metrics": b"nothing", "status": other.encode()}
    assert found({"key": text}, places=places) == ["key is in log"]
    assert found({"key": canary()}, places=places) == []
