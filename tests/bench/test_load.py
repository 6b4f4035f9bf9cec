"""Closed and open loops."""

import asyncio

import pytest

from e2e.bench import load


async def test_so_many_hands_work_at_a_time_and_nothing_is_left() -> None:
    busy, most, done = 0, 0, []

    async def work(item: int) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1
        done.append(item)

    await load.together(range(20), work, concurrency=4)
    assert sorted(done) == list(range(20))
    assert most == 4


async def test_an_open_loop_waits_for_nobody() -> None:
    ended = asyncio.Event()
    begun = []

    async def work(item: int) -> None:
        begun.append(item)
        if len(begun) == 5:
            ended.set()
        await ended.wait()  # all five must have begun before one ends

    intended = await load.paced(range(5), work, rate=1000.0)
    assert begun == list(range(5))
    assert intended[4] - intended[0] == pytest.approx(0.004, abs=1e-5)


async def test_waiting_for_another_process_ends() -> None:
    answers = iter([False, False, True])
    await load.until(lambda: next(answers), interval=0.0, seconds=5.0)
    with pytest.raises(TimeoutError):
        await load.until(lambda: False, interval=0.0, seconds=0.01)
