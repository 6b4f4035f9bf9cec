"""The planner, played against a cluster that makes pods ready, slow or impossible at random."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelservice_operator.rollout.planner import Stand, Strategy, step


def stand(name: str, *, size: int = 0, ready: int = 0) -> Stand:
    return Stand(hash=name, size=size, ready=ready, pods=size, proven=ready > 0, created=name)


@pytest.mark.parametrize(
    ("size", "new", "old", "strategy", "expected"),
    [
        (2, stand("n"), [stand("o", size=2, ready=2)], Strategy.SURGE, {"n": 1, "o": 2}),
        (2, stand("n", size=1, ready=1), [stand("o", size=2, ready=2)], Strategy.SURGE,
         {"n": 2, "o": 1}),
        (1, stand("n"), [stand("o", size=1, ready=1)], Strategy.REPLACE, {"n": 0}),
        (1, stand("n"), [], Strategy.REPLACE, {"n": 1}),
        (3, stand("n"), [stand("o", size=3, ready=3)], Strategy.REPLACE, {"n": 0, "o": 2}),
        (3, stand("n"), [replace(stand("o", size=2, ready=2), pods=2)], Strategy.REPLACE,
         {"n": 1, "o": 2}),
        (0, stand("n", size=1, ready=1), [stand("o", size=1, ready=1)], Strategy.SURGE, {"n": 0}),
        # a revision that never was ready is not protected
        (2, stand("n"), [stand("b", size=2)], Strategy.SURGE, {"n": 2}),
        # the size grew in the middle: what is proven carries it
        (4, stand("n", size=1), [stand("o", size=2, ready=2)], Strategy.SURGE, {"n": 1, "o": 4}),
    ],
)  # fmt: skip
def test_the_next_step(
    size: int, new: Stand, old: list[Stand], strategy: Strategy, expected: dict[str, int]
) -> None:
    assert dict(step(target=new, others=old, size=size, strategy=strategy).sizes) == expected


@settings(max_examples=300)
@given(data=st.data(), size=st.integers(1, 6), strategy=st.sampled_from(list(Strategy)))
def test_a_rollout_ends_and_keeps_its_promises_on_the_way(
    data: st.DataObject, size: int, strategy: Strategy
) -> None:
    new, old = stand("n"), stand("o", size=size, ready=size)
    floor = size if strategy is Strategy.SURGE else size - 1
    for turn in range(200):
        sizes = step(target=new, others=[old], size=size, strategy=strategy).sizes
        new = replace(new, size=sizes["n"], pods=sizes["n"], ready=min(new.ready, sizes["n"]))
        wanted = sizes.get("o", 0)
        # a pod that is to go may linger, and is no longer ready
        lingering = data.draw(st.integers(0, max(0, old.pods - wanted))) if turn < 100 else 0
        old = replace(old, size=wanted, ready=min(old.ready, wanted), pods=wanted + lingering)
        assert new.ready + old.ready >= floor
        spare = 1 if strategy is Strategy.SURGE else 0
        assert new.size + old.size <= size + spare
        if strategy is Strategy.REPLACE:
            assert new.pods + old.pods <= size, "a pod is made only where one has gone"
        if new.ready == size and not old.pods:
            return
        come = data.draw(st.integers(0, new.size - new.ready)) if turn < 100 else new.size
        new = replace(new, ready=min(new.size, new.ready + come), proven=True)
    raise AssertionError("the rollout does not end")
