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
    ours = (IMAGES["operator"], IMAGES["agent"], _TRAINER, IMAGES["converter"])
    return [dataclasses.replace(image, base=base) for image in ours]


class _Docker:
    """The same two steps as Buildah's, by the Docker daemon."""

    def _call(self, *words: str) -> None:
        environment = os.environ | {"DOCKER_BUILDKIT": "1"}
        done = subprocess.run(
            ["docker", *words], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode != 0:
            raise Problem(
                f"docker {words[0]} failed",
                advice="see below what it says",
                details=done.stderr.strip(),
            )

    def answers(self) -> bool:
        """Whether there is a daemon to use."""
        try:
            self._call("version")
        except (Problem, FileNotFoundError):
            return False
        return True

    def build(self, reference: str, *, image: Image, found: Path) -> None:
        target = ("--target", image.target) if image.target else ()
        self._call(
            *("build", "--file", str(CHECKOUT / image.dockerfile), "--tag", reference),
            *(f"--build-context=wheels={found}", *target),
            *(f"--build-arg={name}={value}" for name, value in _arguments(image)),
            str(CHECKOUT / image.context),
        )

    def push(self, reference: str) -> None:
        self._call("push", "--quiet", reference)


class _Buildah:
    """By buildah, with bases from their registry."""

    def __init__(self, places: Places) -> None:
        self._buildah = Buildah(places)
        self._buildah.clear()
        self.push = self._buildah.push

    def build(self, reference: str, *, image: Image, found: Path) -> None:
        self._buildah.build(
            reference,
            context=CHECKOUT / image.context,
            dockerfile=CHECKOUT / image.dockerfile,
            target=image.target,
            arguments=_arguments(image),
            wheels=found,
            pull=True,
        )


def _arguments(image: Image) -> list[tuple[str, str]]:
    return [("BASE", image.base), ("PIP_NO_INDEX", "1"), *image.arguments]


def _builder(places: Places) -> _Docker | _Buildah:
    docker = _Docker()
    if docker.answers():
        return docker
    if shutil.which("buildah") is None:
        raise Problem("neither Docker nor buildah is here", advice="install one of them")
    return _Buildah(places)


def publish(registry: str, *, base: str, places: Places) -> dict[str, str]:
    """Build and push all; name → reference (`<registry>/<name>:<tag>`)."""
    builder = _builder(places)
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
            builder.build(reference, image=image, found=found)
            builder.push(reference)
        references[image.name] = reference
    return references
