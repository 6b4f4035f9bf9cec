"""Images for a cluster of the user's: built on the production base and pushed to a registry.

Docker is used where its daemon answers, else buildah; both with the user's own credentials. The
development Triton is not among them: the chart names NVIDIA's.
"""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import report
from e2e.cluster.problem import Problem
from e2e.images import wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import BUILD_LOCK, IMAGES, Image

BASE = "docker.io/library/python:3.13-slim"
_TRAINER = dataclasses.replace(
    IMAGES["trainer"], locks=(BUILD_LOCK, "requirements/trainer.txt"), arguments=()
)


def images(base: str) -> list[Image]:
    """The images as they are published, on `base`."""
    ours = (IMAGES["operator"], IMAGES["agent"], _TRAINER)
    return [dataclasses.replace(image, base=base) for image in ours]


def _docker(*words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=False, env=environment
    )


def _require(done: "subprocess.CompletedProcess[str]", *, what: str) -> None:
    if done.returncode != 0:
        raise Problem(f"{what} failed", advice="see what Docker says", details=done.stderr.strip())


def _by_docker(image: Image, *, reference: str, found: Path) -> None:
    target = ("--target", image.target) if image.target else ()
    arguments = (("BASE", image.base), ("PIP_NO_INDEX", "1"), *image.arguments)
    built = _docker(
        *("build", "--file", str(CHECKOUT / image.dockerfile), "--tag", reference),
        *(f"--build-context=wheels={found}", *target),
        *(f"--build-arg={name}={value}" for name, value in arguments),
        str(CHECKOUT / image.context),
    )
    _require(built, what=f"the build of {reference}")
    _require(_docker("push", "--quiet", reference), what=f"the push of {reference}")


def _by_buildah(image: Image, *, reference: str, found: Path, buildah: Buildah) -> None:
    buildah.build(
        reference,
        context=CHECKOUT / image.context,
        dockerfile=CHECKOUT / image.dockerfile,
        target=image.target,
        arguments=(("BASE", image.base), ("PIP_NO_INDEX", "1"), *image.arguments),
        wheels=found,
        pull=True,
    )
    buildah.push(reference)


def publish(registry: str, *, base: str, places: Places) -> dict[str, str]:
    """Build and push all; name → reference (`<registry>/<name>:<tag>`)."""
    docker = shutil.which("docker") is not None and _docker("version").returncode == 0
    if not docker and shutil.which("buildah") is None:
        raise Problem("neither Docker nor buildah is here", advice="install one of them")
    references = {}
    for image in images(base):
        reference = f"{registry.rstrip('/')}/{image.name}:{image.tag()}"
        with report.step(f"publish {image.name}"):
            found = wheels.download(
                f"published-{image.name}",
                locks=[CHECKOUT / lock for lock in image.locks],
                cache=places.wheels,
                work=places.work,
            )
            if docker:
                _by_docker(image, reference=reference, found=found)
            else:
                _by_buildah(image, reference=reference, found=found, buildah=Buildah(places))
        references[image.name] = reference
    return references
