"""The parts that need an API server, one after the other on one stage."""

from collections.abc import Iterator

from e2e.security import canaries, podsecurity, rbac, rights, tenancy, workloads
from e2e.security.figures import Figure
from e2e.security.stage import built


def measure() -> Iterator[Figure]:
    """Install the chart, run the operator through its life, and look at what it did."""
    with built() as stage:
        yield from podsecurity.install(stage)
        planted = canaries.plant(stage)
        life = rbac.story(stage, environment=planted.environment)
        yield life.figure()
        yield from podsecurity.templates(stage)
        yield from tenancy.measure(stage)
        yield from canaries.cluster(stage, planted, operators=life.operators)
        workloads.removed(stage)
        log = list(rights.requests(stage.rig.plane.audit_log))
        yield from podsecurity.admitted(log)
        yield from rbac.measure(log)
