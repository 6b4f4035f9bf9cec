"""The leader dies by SIGKILL: the other one goes on, and touches nothing that is right."""

import signal
import time

from e2e.availability.loss import TAKEOVER, TRAINED, Story
from e2e.availability.site import Site, service


def test_what_is_right_is_not_written(site: Site) -> None:
    story = Story.begin(site)
    with story.nothing_written():
        story.leader.operator.kill()
        lost = time.monotonic()
        assert story.taken_over(lost=lost) <= TAKEOVER
    assert story.leader.operator.wait() == -signal.SIGKILL

    site.create(service("afterwards"))
    site.settle()


def test_what_it_was_at_is_finished(site: Site) -> None:
    story = Story.begin(site)
    pods = site.pods()
    story.burst()
    story.leader.operator.kill()
    lost = time.monotonic()

    assert story.taken_over(lost=lost) <= TAKEOVER
    site.settle()
    assert pods <= site.pods()
    story.trained_once(runs=TRAINED)
