"""The leader is asked to end (SIGTERM): it hands over at once, and nothing is left half done."""

import time

from e2e.availability.loss import TRAINED, Story
from e2e.availability.site import Site

AT_ONCE = 5.0  # seconds; the follower looks every two


def test_the_follower_leads_at_once(site: Site) -> None:
    story = Story.begin(site)
    with story.nothing_written():
        story.leader.operator.terminate()
        asked = time.monotonic()
        assert story.taken_over(lost=asked) <= AT_ONCE
    assert story.leader.operator.wait() == 0


def test_what_it_was_at_is_finished(site: Site) -> None:
    story = Story.begin(site)
    story.burst()
    story.leader.operator.terminate()
    asked = time.monotonic()

    assert story.leader.operator.wait() == 0
    assert story.taken_over(lost=asked) <= AT_ONCE + 10.0  # what runs is given time to end
    site.settle()
    story.trained_once(runs=TRAINED)
