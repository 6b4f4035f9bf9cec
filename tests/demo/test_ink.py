"""Colours only for somebody who sees them."""

import io

import pytest

from e2e.demo.ink import Ink


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_who_sees_colours(
    stream: io.StringIO, environment: dict[str, str], *, coloured: bool
) -> None:
    ink = Ink.of(stream, environment=environment)
    assert ink.coloured is coloured
    assert (ink.good("passed") == "passed") is not coloured
    assert "passed" in ink.good("passed")
