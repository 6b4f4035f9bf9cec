"""The learning rate of each epoch, as a part of what is stated."""

import pytest

from modelservice_runtime.training.schedule import CONSTANT, Schedule, ScheduleName


def shares(schedule: Schedule, epochs: int) -> list[float]:
    return [schedule.share(epoch, epochs=epochs) for epoch in range(1, epochs + 1)]


def test_without_a_schedule_it_stays() -> None:
    assert shares(CONSTANT, 3) == [1, 1, 1]


def test_steps_come_after_every_so_many_epochs() -> None:
    step = Schedule(ScheduleName.STEP, 2, factor=0.5)
    assert shares(step, 5) == [1, 1, 0.5, 0.5, 0.25]


def test_a_cosine_begins_at_the_top_and_comes_down_evenly() -> None:
    found = shares(Schedule(ScheduleName.COSINE), 4)
    assert found == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)


@pytest.mark.parametrize("name", ScheduleName)
def test_a_warmup_rises_evenly_before_the_schedule(name: ScheduleName) -> None:
    warm = Schedule(name, 1, warmup=3)
    assert shares(warm, 8)[:4] == pytest.approx([0.25, 0.5, 0.75, 1])
    assert shares(warm, 8)[3:] == shares(Schedule(name, 1), 5)


@pytest.mark.parametrize("name", ScheduleName)
def test_a_warmup_longer_than_the_training_never_ends(name: ScheduleName) -> None:
    assert shares(Schedule(name, 1, warmup=9), 3) == pytest.approx([0.1, 0.2, 0.3])
