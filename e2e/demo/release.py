"""The operator in the cluster: images built and handed over, chart installed with Helm."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

import yaml

from e2e.cluster.problem import Problem
from e2e.demo.surroundings import CHECKOUT, Surroundings
from e2e.images.recipes import IMAGES

RELEASE, NAMESPACE = "modelservice-operator", "modelservice-system"
CHART = CHECKOUT / "charts" / "modelservice-operator"
READY = "5m"
# What a Helm that was killed leaves behind: a lock on the release. What it had made stays, and the
# next upgrade takes it over.
LOCKED = f"owner=helm,name={RELEASE},status in (pending-install,pending-upgrade,pending-rollback)"


def images(*names: str) -> Mapping[str, str]:
    """Name → reference of the project's images, built where they are missing. Raises Problem.

    With `names`, which is for the embedded cluster, those are built; the others may be later."""
    command = [sys.executable, "-m", "e2e.images", *names]
    done = subprocess.run(command, check=False, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Problem("the images are not there", advice="put right what is said above")
    references: dict[str, str] = yaml.safe_load(done.stdout)
    later = {name: image.reference() for name, image in IMAGES.items()} if names else {}
    return later | references


def install(
    surroundings: Surroundings, *, references: Mapping[str, str], settings: Sequence[str] = ()
) -> None:
    """Install or upgrade the chart and wait until the operator is ready. Raises Problem."""
    surroundings.kubectl.of(NAMESPACE).run("delete", "secrets", f"--selector={LOCKED}")
    words = ["upgrade", RELEASE, str(CHART), "--install", "--create-namespace"]
    words += [f"--values={path}" for path in surroundings.values]
    words += [
        f"--set-string={setting}" for setting in settings_of(references)
    ]  # a tag may be all digits
    words += [f"--set={setting}" for setting in settings]
    if surroundings.embedded:
        # Whoever developed there with kubectl apply is not in the way.
        words += ["--take-ownership", "--force-conflicts"]
    helm(surroundings, *words, "--wait", f"--timeout={READY}")


def uninstall(surroundings: Surroundings) -> None:
    """Remove the release and wait until its objects are gone."""
    helm(surroundings, "uninstall", RELEASE, "--wait", f"--timeout={READY}", "--ignore-not-found")


def helm(surroundings: Surroundings, *words: str) -> str:
    """What `helm …` prints. Raises Problem with its error text."""
    done = subprocess.run(
        [str(surroundings.helm), f"--namespace={NAMESPACE}", *words],
        check=False,
        capture_output=True,
        text=True,
        env=surroundings.kubectl.environment,
    )
    if done.returncode:
        raise Problem(
            f"helm {words[0]} failed",
            advice=f"see `kubectl --namespace {NAMESPACE} get pods,events`; Helm says:",
            details=done.stderr.strip(),
        )
    return done.stdout


def settings_of(references: Mapping[str, str]) -> list[str]:
    """Settings of the chart from `registry/path/name:tag`."""
    settings = []
    for name, reference in sorted(references.items()):
        place, _, tag = reference.rpartition(":")
        registry, _, repository = place.rpartition("/")
        parts = {"registry": registry, "repository": repository, "tag": tag}
        settings += [f"images.{name}.{key}={value}" for key, value in parts.items()]
    return settings


def deployed(surroundings: Surroundings) -> int:
    """The number of the release's last revision; 0 where it is not installed."""
    listed = json.loads(helm(surroundings, "list", f"--filter=^{RELEASE}$", "--output=json"))
    return int(listed[0]["revision"]) if listed else 0
