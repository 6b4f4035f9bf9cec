"""The queue under a clock of the test's own."""

from __future__ import annotations

import pytest

from modelservice_operator.controller.queue import BACKOFF_LAST, Lane, Queue
from modelservice_operator.view import Key

A, B = Key("one", "a"), Key("one", "b")


@pytest.fixture
def queue() -> Queue:
    return Queue(jitter=lambda: 0.5)  # which leaves pauses as they are


def take(queue: Queue, *, now: float = 0.0, lane: Lane = Lane.NORMAL) -> Key | None:
    turn = queue.take(lane, now=now)
    return turn.key if turn is not None else None


def drain(queue: Queue, *, lane: Lane = Lane.NORMAL) -> list[Key]:
    taken = []
    while (key := take(queue, lane=lane)) is not None:
        taken.append(key)
    return taken


def test_keys_come_out_in_order_and_once(queue: Queue) -> None:
    for key in (A, B, A, A):
        queue.add(key, lane=Lane.NORMAL, now=0.0)

    assert drain(queue) == [A, B]


def test_a_running_key_is_not_taken_again_until_it_is_done(queue: Queue) -> None:
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    take(queue)
    queue.add(A, lane=Lane.NORMAL, now=1.0)
    queue.add(A, lane=Lane.SHORT, now=1.0)

    assert take(queue, now=2.0) is None
    assert take(queue, now=2.0, lane=Lane.SHORT) is None
    queue.done(A, now=3.0, requeue=None)
    assert take(queue, now=3.0) == A
    queue.done(A, now=4.0, requeue=None)
    assert take(queue, now=4.0) is None


def test_namespaces_take_turns(queue: Queue) -> None:
    crowd = [Key("crowd", f"s{number}") for number in range(4)]
    lone = [Key("lone", "x"), Key("other", "y")]
    for key in (*crowd, *lone):
        queue.add(key, lane=Lane.NORMAL, now=0.0)

    assert drain(queue) == [crowd[0], lone[0], lone[1], crowd[1], crowd[2], crowd[3]]


def test_lanes_do_not_wait_for_each_other(queue: Queue) -> None:
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    queue.add(B, lane=Lane.SHORT, now=0.0)

    assert take(queue, lane=Lane.SHORT) == B
    assert take(queue, lane=Lane.NORMAL) == A


def test_a_key_waits_in_one_lane_and_spec_changes_decide_which(queue: Queue) -> None:
    queue.add(A, lane=Lane.SHORT, now=0.0)
    queue.add(A, lane=Lane.NORMAL, now=1.0)
    queue.add(A, lane=Lane.SHORT, now=2.0)

    assert take(queue, lane=Lane.SHORT) is None
    turn = queue.take(Lane.NORMAL, now=5.0)
    assert turn is not None
    assert turn.waited == 5.0


def test_of_delays_the_earliest_counts(queue: Queue) -> None:
    queue.add(A, lane=Lane.SHORT, now=0.0, delay=10.0)
    queue.add(A, lane=Lane.SHORT, now=0.0, delay=3.0)
    queue.add(A, lane=Lane.SHORT, now=0.0, delay=30.0)

    assert queue.next_due() == 3.0
    assert take(queue, now=2.9, lane=Lane.SHORT) is None
    assert take(queue, now=3.0, lane=Lane.SHORT) == A
    queue.done(A, now=3.0, requeue=None)
    assert queue.next_due() is None  # the run has said when it wants to come back: not at all


def test_a_run_comes_back_when_it_asked_to(queue: Queue) -> None:
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    take(queue)
    queue.done(A, now=1.0, requeue=60.0)

    assert take(queue, now=60.9, lane=Lane.SHORT) is None
    assert take(queue, now=61.0, lane=Lane.SHORT) == A


def test_pauses_after_failures_grow_to_a_limit_and_end_with_success(queue: Queue) -> None:
    pauses = []
    now = 0.0
    queue.add(A, lane=Lane.SHORT, now=now)
    for _ in range(12):
        assert take(queue, now=now, lane=Lane.SHORT) == A
        pauses.append(queue.retry(A, now=now))
        now += pauses[-1]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == BACKOFF_LAST

    take(queue, now=now, lane=Lane.SHORT)
    queue.done(A, now=now, requeue=None)
    queue.add(A, lane=Lane.SHORT, now=now)
    take(queue, now=now, lane=Lane.SHORT)
    assert queue.retry(A, now=now) == 0.5


def test_pauses_are_spread() -> None:
    pauses = []
    for jitter in (0.0, 0.999):
        queue = Queue(jitter=lambda jitter=jitter: jitter)  # type: ignore[misc]
        queue.add(A, lane=Lane.SHORT, now=0.0)
        queue.take(Lane.SHORT, now=0.0)
        pauses.append(queue.retry(A, now=0.0))
    assert pauses == [pytest.approx(0.4), pytest.approx(0.6, abs=0.001)]


def fail(queue: Queue, *, after: float = 0.0) -> None:
    """Four failures at the time 0: the next run is due at 4, or at `after`."""
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    for _ in range(4):
        queue.add(A, lane=Lane.NORMAL, now=0.0)
        take(queue)
        queue.retry(A, now=0.0)
    if after:
        queue.add(A, lane=Lane.NORMAL, now=0.0)
        take(queue)
        queue.retry(A, now=0.0, after=after)


def test_events_of_children_wait_for_the_end_of_a_pause(queue: Queue) -> None:
    """Else a failing service with busy pods would fail as fast as they move."""
    fail(queue)

    queue.add(A, lane=Lane.SHORT, now=1.0)

    assert take(queue, now=1.0, lane=Lane.SHORT) is None
    assert take(queue, now=4.0, lane=Lane.SHORT) == A


def test_a_new_spec_does_not_wait_for_the_end_of_a_pause(queue: Queue) -> None:
    fail(queue)

    queue.add(A, lane=Lane.NORMAL, now=1.0)

    assert take(queue, now=1.0) == A


def test_a_new_spec_that_came_during_the_failing_run_does_not_wait(queue: Queue) -> None:
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    take(queue)
    queue.add(A, lane=Lane.NORMAL, now=1.0)
    queue.retry(A, now=2.0)

    assert take(queue, now=2.0) == A


def test_a_pause_that_the_server_asks_for_is_kept_by_all(queue: Queue) -> None:
    fail(queue, after=30.0)

    queue.add(A, lane=Lane.NORMAL, now=1.0)

    assert take(queue, now=29.9) is None
    assert take(queue, now=30.0) == A


def test_what_was_cut_off_is_done_again(queue: Queue) -> None:
    queue.add(A, lane=Lane.SHORT, now=0.0)
    take(queue, lane=Lane.SHORT)

    queue.release(A, now=1.0)

    assert take(queue, now=1.0) == A


def test_depth_and_running_are_counted(queue: Queue) -> None:
    queue.add(A, lane=Lane.NORMAL, now=0.0)
    queue.add(B, lane=Lane.NORMAL, now=0.0)
    take(queue)

    assert queue.depth(Lane.NORMAL) == 1
    assert queue.depth(Lane.SHORT) == 0
    assert queue.running == 1
