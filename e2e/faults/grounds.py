"""What plans are played on: fresh control planes whose pods are played, or the embedded cluster."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Protocol

import yaml

from e2e import chart
from e2e.cluster.cluster import Cluster
from e2e.cluster.problem import Problem
from e2e.demo import release, surroundings
from e2e.demo.bucket import MODELS, Bucket
from e2e.demo.kinds import DEPLOYMENT, POD
from e2e.demo.surroundings import CHECKOUT, Surroundings
from e2e.faults.runner import Limits
from e2e.faults.suite import Suite
from e2e.faults.workloads.parts import stored
from e2e.rig.operators import Launcher
from e2e.rig.plane import Rig, install_crds
from modelservice_operator import push_key

NODES: Final = 4
# A lost event is found by the sweep, and a paused leader is replaced, in seconds and not minutes.
SETTINGS: Final = {
    "resync-period": "8",
    "lease-duration": "8",
    "lease-renew": "6",
    "lease-retry": "1",
}
# What the programs of real pods are built from; the others are not met by these plans.
IMAGES: Final = ("agent", "trainer", "triton")
OPERATORS: Final = f"app.kubernetes.io/instance={release.RELEASE}"


class Ground(Protocol):
    """Where plans are played, `kubernetes` being its version once a suite is open."""

    kubernetes: str

    def suite(self) -> AbstractAsyncContextManager[Suite]:
        """A suite on it; anew for each that is asked for."""


@dataclass
class Played:
    """Control planes of their own, whose pods kwok plays."""

    launcher: Launcher
    directory: Path
    jobs: int
    limits: Limits
    kubernetes: str = ""

    @asynccontextmanager
    async def suite(self) -> AsyncIterator[Suite]:
        """On the next one."""
        began = time.monotonic()
        # NB: it blocks, while nothing else goes on here.
        with Rig.start(nodes=NODES, audit=False) as rig:
            print(f"the control plane is up after {time.monotonic() - began:.0f} s", flush=True)
            self.kubernetes = rig.versions["kubernetes"]
            async with Suite.open(
                rig.plane.client,
                launcher=self.launcher,
                directory=self.directory / rig.plane.directory.name,
                jobs=self.jobs,
                limits=self.limits,
                settings=SETTINGS,
            ) as suite:
                yield suite


@dataclass
class Embedded:
    """The embedded cluster: real Triton, real training, real storage."""

    launcher: Launcher
    directory: Path
    jobs: int
    limits: Limits
    kubernetes: str = ""

    @asynccontextmanager
    async def suite(self) -> AsyncIterator[Suite]:
        """Namespaces of its own; an operator that is installed there stands still meanwhile."""
        _run("-m", "e2e.cluster", "up")
        around = surroundings.find(namespace="default")
        if around.embedded is None:
            raise Problem("real pods are for the embedded cluster", advice="unset KUBECONFIG")
        references = release.images(*IMAGES)
        client = Cluster.assemble(around.embedded).client
        install_crds(client)
        stored.fill(Bucket(around.storage))
        self.kubernetes = str((client.get("/version") or {})["gitVersion"])
        prefix = f"faults-{token_hex(3)}"
        keys = self.directory / prefix / "keys"
        keys.mkdir(parents=True)
        (keys / push_key.FILE).write_text(push_key.new_key())
        with _no_other_operator(around), _namespaces(around, prefix=prefix):
            async with Suite.open(
                client,
                launcher=self.launcher,
                directory=self.directory / prefix,
                jobs=self.jobs,
                limits=self.limits,
                settings={**SETTINGS, "push-keys": str(keys)},
                platform=_platform(around, references=references),
                prefix=prefix,
            ) as suite:
                yield suite


def _run(*words: str) -> None:
    if subprocess.run([sys.executable, *words], check=False, cwd=CHECKOUT).returncode:
        raise Problem("there is no cluster", advice="put right what is said above")


def _platform(around: Surroundings, *, references: Mapping[str, str]) -> Mapping[str, Any]:
    """What the chart would give to the operator on this cluster."""
    settings = [f"--set-string={setting}" for setting in release.settings_of(references)]
    found = chart.manifests(around.helm, chart.DEVELOPMENT, *settings)
    given = chart.only(found, kind="ConfigMap", name=f"{chart.RELEASE}-platform")
    platform: dict[str, Any] = yaml.safe_load(given["data"]["platform.yaml"])
    return platform


@contextmanager
def _no_other_operator(around: Surroundings) -> Iterator[None]:
    """An installed one would see the plans' services as well."""
    kubectl = around.kubectl.of(release.NAMESPACE)
    installed = kubectl.get(DEPLOYMENT, release.RELEASE)
    if installed is None:
        yield
        return
    size = installed["spec"]["replicas"]
    kubectl.run("scale", "deployment", release.RELEASE, "--replicas=0")
    try:
        kubectl.wait_all(POD, lambda pods: not pods, selector=OPERATORS)
        yield
    finally:
        kubectl.run("scale", "deployment", release.RELEASE, f"--replicas={size}")


@contextmanager
def _namespaces(around: Surroundings, *, prefix: str) -> Iterator[None]:
    """Remove the plans' namespaces and files afterwards."""
    try:
        yield
    finally:
        kubectl, store = around.kubectl, Bucket(around.storage)
        names = kubectl.run("get", "namespaces", "--output=name").split()
        made = [name for name in names if name.startswith(f"namespace/{prefix}-")]
        if made:
            kubectl.run("delete", "--wait=false", *made)
        for uri in store.keys(f"s3://{MODELS}/{prefix}-"):
            store.delete(uri)
