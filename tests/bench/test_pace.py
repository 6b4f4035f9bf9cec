"""The rate that a storage is given is the rate that its clients see."""

import pytest

from e2e.bench.fetching.pace import SLACK, Pace


def test_the_first_bytes_go_at_once_and_the_next_when_those_are_paid() -> None:
    pace = Pace(rate=100.0, due=7.0)
    assert pace.take(50, now=7.0) == 0.0
    assert pace.take(50, now=7.0) == pytest.approx(0.5)
    assert pace.take(50, now=7.0) == pytest.approx(1.0)


def test_a_short_delay_is_made_up_for() -> None:
    pace = Pace(rate=100.0, due=0.0)
    pace.take(100, now=0.0)
    pace.take(100, now=1.0 + SLACK / 2)
    assert pace.due == pytest.approx(2.0)


def test_a_pause_gives_no_burst() -> None:
    pace = Pace(rate=100.0, due=0.0)
    pace.take(100, now=60.0)
    assert pace.due == pytest.approx(61.0 - SLACK)


@pytest.mark.parametrize("late", [0.0, 0.001, 0.004])
def test_a_sender_that_sleeps_a_little_too_long_keeps_the_rate(late: float) -> None:
    now, sent = 0.0, 0
    pace = Pace(rate=1000.0, due=0.0)
    while now < 60.0:
        now += pace.take(10, now=now) + late
        sent += 10
    assert sent / now == pytest.approx(1000.0, rel=0.002)
