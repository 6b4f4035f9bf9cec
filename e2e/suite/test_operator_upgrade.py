"""Upgrading and removing the operator changes nothing for what serves."""

import pytest

from e2e.demo import release
from e2e.demo.kinds import CRD, MODEL_SERVICE, POD
from e2e.demo.kubectl import Manifest
from e2e.suite.live import Live, empty, restarts, uids

OPERATOR = f"app.kubernetes.io/instance={release.RELEASE}"


@pytest.mark.slow
@pytest.mark.alone
def test_upgrade_and_removal_leave_pods_and_services(live: Live, served: str) -> None:
    live.ready(served)
    before = live.pods(served)
    references = release.images()
    release.install(live.around, references=references, settings=["operator.logLevel=debug"])
    live.ready(served)
    assert same(live.pods(served), before)

    release.uninstall(live.around)
    try:
        live.kubectl.of(release.NAMESPACE).wait_all(POD, empty, selector=OPERATOR)
        assert live.kubectl.get(CRD, "modelservices.modelservice.io") is not None
        assert live.kubectl.get(CRD, "modelversions.modelservice.io") is not None
        assert live.kubectl.get(MODEL_SERVICE, served) is not None
        assert same(live.pods(served), before)
        assert live.serves(served, 2)
    finally:
        release.install(live.around, references=references)
    live.ready(served)
    assert same(live.pods(served), before)


def same(pods: list[Manifest], before: list[Manifest]) -> bool:
    """Whether these are the very same pods, none of their containers started again."""
    return uids(pods) == uids(before) and sum(map(restarts, pods)) == sum(map(restarts, before))
