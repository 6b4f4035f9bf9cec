"""A rig with the services' namespace, and operators that end with the test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.availability.audit import Audit
from e2e.availability.site import NAMESPACE, SYSTEM, USERS, Site
from e2e.rig.operators import Launcher
from e2e.rig.plane import Rig


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with Launcher.start() as launcher:
        yield launcher


@pytest.fixture
def site(launcher: Launcher, tmp_path: Path) -> Iterator[Site]:
    """Each test has a cluster of its own: operators of two tests would share the work."""
    with Rig.start(nodes=4) as rig, ExitStack() as stack:
        rig.namespace(NAMESPACE)
        rig.namespace(SYSTEM)
        audit = Audit(rig.plane.audit_log, prefix=USERS)
        yield Site(rig, launcher, tmp_path, audit, stack)
