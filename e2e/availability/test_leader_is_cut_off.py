"""The leader cannot reach the API server any more: it stops before another one begins."""

import time

import pytest

from e2e.availability.loss import RETRAINED, STEPS_DOWN, TAKEOVER, TRAINED, Story
from e2e.availability.relay import Cut
from e2e.availability.site import Site, service


@pytest.mark.parametrize("how", ["lost", "refused"])
def test_it_steps_down_and_comes_back_as_a_follower(site: Site, how: Cut) -> None:
    story = Story.begin(site)
    story.burst()
    story.leader.way.cut(how)
    lost = time.monotonic()

    site.wait(lambda: not story.leader.leads, what="the one cut off steps down")
    assert time.monotonic() - lost <= STEPS_DOWN
    assert not story.follower.leads
    assert story.taken_over(lost=lost) <= TAKEOVER
    story.meanwhile()
    story.nothing_changes(story.leader.way.restore)
    story.trained_once(runs=TRAINED + RETRAINED)

    # and it is a follower as good as any other
    story.follower.operator.terminate()
    assert story.follower.operator.wait() == 0
    assert site.leader(among=[story.leader]) is story.leader
    site.create(service("afterwards"))
    site.settle()
