"""The leader stands still for longer than its lease, and wakes up when another one leads."""

import time

from e2e.availability.loss import RETRAINED, TAKEOVER, TRAINED, Story
from e2e.availability.site import Site


def test_it_overwrites_nothing_when_it_wakes_up(site: Site) -> None:
    story = Story.begin(site)
    story.burst()
    story.leader.operator.pause()
    lost = time.monotonic()

    assert story.taken_over(lost=lost) <= TAKEOVER
    story.meanwhile()
    written = story.nothing_changes(story.leader.operator.resume)
    # What it was about to send goes out before it looks at its lease again: all of that asks for an
    # object that is not there yet. A 201 for a service that is gone by now was collected.
    assert [str(item) for item in written if item.code == 200] == []
    story.trained_once(runs=TRAINED + RETRAINED)

    # and it is a follower as good as any other
    story.follower.operator.terminate()
    assert story.follower.operator.wait() == 0
    assert site.leader(among=[story.leader]) is story.leader
