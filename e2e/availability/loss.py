"""The same story for every way in which a leader is lost in the midst of its work.

Services are settled and others are being made when the leader is lost. Another one takes over, and
users go on: they change, delete and make again what the lost one knew otherwise. What it does when
it is back, and what of its writes was still on the way, must change nothing of that.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.availability.audit import Request
from e2e.availability.site import Replica, Site, service, trained
from e2e.demo.kinds import JOB, MODEL_SERVICE

SETTLED, MADE, TRAINED = 10, 30, 6
RETRAINED = 2  # those that get another seed in `meanwhile`
TAKEOVER = 15.0  # seconds from the loss, whatever the leader was doing
STEPS_DOWN = 10.0  # seconds in which a leader that cannot renew has stopped to write
COLLECTED = 60.0


@dataclass(frozen=True)
class Story:
    """Two replicas with services, before anything happens; `begin` makes one."""

    site: Site
    leader: Replica
    follower: Replica

    @classmethod
    def begin(cls, site: Site) -> "Story":
        """Have two replicas and settled services of theirs."""
        replicas = [site.replica("one"), site.replica("two")]
        leader = site.leader(among=replicas)
        (follower,) = [replica for replica in replicas if replica is not leader]
        site.create(*(service(f"settled-{number}") for number in range(SETTLED)))
        site.settle()
        site.hush()
        return cls(site, leader, follower)

    def burst(self) -> None:
        """Make services, and return while the leader is at it."""
        since = self.site.audit.mark()
        trainings = [trained(f"trained-{number}") for number in range(TRAINED)]
        self.site.create(*trainings, *(service(f"made-{number}") for number in range(MADE)))
        self.site.wait(
            lambda: len(self.site.audit.writes(since=since, user=self.leader.user)) > MADE,
            what="the leader is amid its work",
        )

    def taken_over(self, *, lost: float) -> float:
        """Seconds from the loss (monotonic time) until the follower leads."""
        self.site.wait(lambda: self.follower.leads, what="the follower leads", seconds=60.0)
        return time.monotonic() - lost

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """See that the follower writes nothing when it takes settled services over."""
        site = self.site
        before, pods, since = site.state(), site.pods(), site.audit.mark()
        wanted = self.follower.reconciled + len(site.objects(MODEL_SERVICE))
        yield
        site.wait(
            lambda: self.follower.reconciled >= wanted,
            what="the follower has looked at every service",
        )
        site.hush()
        assert site.audit.writes(since=since) == []
        assert site.state() == before
        assert site.pods() == pods

    def meanwhile(self) -> None:
        """What users do while one is away; returns when all of it is in force."""
        self.site.settle()
        self.site.change(*(service(f"settled-{number}", content=1) for number in range(5)))
        self.site.change(trained("trained-0", seed=1))
        self.site.delete(*(f"made-{number}" for number in range(10)), "trained-1")
        # under the same names: what the lost one knows by name is another object now
        again = [service(f"made-{number}", content=2) for number in range(5)]
        self.site.create(*again, trained("trained-1", seed=1))
        self.site.settle()

    def nothing_changes(self, back: Callable[[], None]) -> list[Request]:
        """Let the lost one come back, and see that all stays as it is; what it then wrote."""
        self.site.hush()
        before, pods, since = self.site.state(), self.site.pods(), self.site.audit.mark()
        back()
        self.site.wait(self._follows, what="the lost one follows")
        self.site.hush()
        self.site.settle(seconds=COLLECTED)
        assert self.site.state() == before
        assert self.site.pods() == pods
        return self.site.audit.writes(since=since, user=self.leader.user)

    def trained_once(self, *, runs: int) -> None:
        """Each run of each training had one Job in all of this."""
        begun = [
            item.name
            for item in self.site.audit.writes()
            if item.verb == "create" and item.resource == "jobs" and item.code == 201
        ]
        assert len(begun) == len(set(begun)), sorted(begun)
        # The log does not name what was made for one who was gone before the answer.
        there = {item["metadata"]["name"] for item in self.site.objects(JOB)}
        assert len(there | set(begun)) == runs, sorted(there | set(begun))

    def _follows(self) -> bool:
        return self.leader.operator.ready and not self.leader.leads
