"""The leader stands still for longer than its lease, and wakes up when another one leads."""

import time

from e2e.availability.loss import RETRAINED, TAKEOVER, TRAINED, Story
from e2e.availability.site import Site


def test_it_writes_nothing_more(site: Site) -> None:
    story = Story.begin(site)
    story.burst()
    story.leader.operator.pause()
    lost = time.monotonic()

    assert story.taken_over(lost=lost) <= TAKEOVER
    story.meanwhile()
    # Its lease is over when it wakes up, and it looks at it before each write.
    assert story.nothing_changes(story.leader.operator.resume) == []
    story.trained_once(runs=TRAINED + RETRAINED)

    # and it is a follower as good as any other
    story.follower.operator.terminate()
    assert story.follower.operator.wait() == 0
    assert site.leader(among=[story.leader]) is story.leader
