"""On real pods: what programs say and how long they take is not played.

Triton and the agent serve, checks and trainings run, files lie in the cluster's own store.
"""

from __future__ import annotations

from typing import Any

from e2e.faults.record import Manifest
from e2e.faults.workload import Step, User, Workload
from e2e.faults.workloads.parts.acts import Act, applies
from e2e.faults.workloads.parts.manifests import model, service
from e2e.faults.workloads.parts.shows import ready, told
from e2e.faults.workloads.parts.stored import BROKEN, FIRST, SAMPLES, SECOND, opens_store
from e2e.suite.live import RESOURCES, trained


def _service(name: str, made: Manifest) -> Manifest:
    return service(name, made, serving={"resources": RESOURCES})


def _digits(uri: str) -> Manifest:
    """A service of a file that a check has to look at."""
    return _service("digits", model("digits", uri=uri, sha256=None, maxBatchSize=8))


def _line(**training: Any) -> Manifest:
    return _service("line", trained(SAMPLES, epochs=20, **training))


def _created(made: Manifest) -> Act:
    async def act(user: User) -> None:
        await opens_store(user)
        await user.apply(made)

    return act


WORKLOADS = (
    Workload(
        "real_new_version",
        "a new file takes over, on real pods",
        (
            Step("create", _created(_digits(FIRST)), ready("digits")),
            Step("new file", applies(_digits(SECOND)), ready("digits")),
        ),
        pods="real",
    ),
    Workload(
        "real_broken_version",
        "a broken file is refused by a real check; the old one serves on",
        (
            Step("create", _created(_digits(FIRST)), ready("digits")),
            Step("broken file", applies(_digits(BROKEN)), told("digits", "Stalled", "True")),
            Step("back", applies(_digits(FIRST)), ready("digits")),
        ),
        pods="real",
    ),
    Workload(
        "real_retrained",
        "a model is trained, and trained again with another seed, on real pods",
        (
            Step("create", _created(_line()), ready("line")),
            Step("another seed", applies(_line(seed=1)), ready("line")),
        ),
        pods="real",
    ),
)
