"""A rolling upgrade to an operator with other platform images, under services that are served.

MODELSERVICE_LIVE says how many there are.
"""

import os
from collections.abc import Iterator
from typing import Any

from e2e.availability.site import Site, service
from e2e.demo.kinds import DEPLOYMENT
from e2e.rig.operators import PLATFORM

COUNT = int(os.environ.get("MODELSERVICE_LIVE", "300"))
# The next release brings another agent, another trainer and another Triton.
NEXT = {**PLATFORM, "images": {name: f"{image}.1" for name, image in PLATFORM["images"].items()}}


def test_no_pod_restarts_and_nothing_is_written(site: Site) -> None:
    replicas = [site.replica("old-1"), site.replica("old-2")]
    site.create(*(service(f"live-{number}") for number in range(COUNT)))
    site.settle(seconds=10 * 60.0)
    site.hush()
    before, pods, since = site.state(), site.pods(), site.audit.mark()
    assert len(pods) == COUNT

    for number, old in enumerate(tuple(replicas), start=1):
        # As a Deployment does it: a new one is ready before an old one goes.
        replicas.append(site.replica(f"new-{number}", platform=NEXT))
        replicas.remove(old)
        old.operator.terminate()
        assert old.operator.wait() == 0
    leader = site.leader(among=replicas)
    site.wait(lambda: leader.reconciled >= COUNT, what="the new one has looked at every service")
    site.hush()
    assert site.audit.writes(since=since) == []
    assert site.state() == before
    assert site.pods() == pods

    # The next revision of a service is the first to have the new images.
    site.change(service("live-0", content=1))
    site.create(service("afterwards"))
    site.settle()
    images = {name: set(_images(site, of=name)) for name in ("live-0", "live-1", "afterwards")}
    assert images["live-1"] <= set(PLATFORM["images"].values())
    assert images["live-0"] == images["afterwards"] <= set(NEXT["images"].values())


def _images(site: Site, *, of: str) -> Iterator[str]:
    """The images of a service's serving pods."""
    for deployment in site.objects(DEPLOYMENT):
        if deployment["metadata"]["labels"]["modelservice.io/name"] == of:
            pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
            for container in (*pod["containers"], *pod.get("initContainers", ())):
                yield str(container["image"])
