"""Tests and programs that need what only an image has (torch, TensorFlow), in its root filesystem.

The checkout is mounted, so its sources are run and not those in the image; pytest is mounted beside
it and is no part of what is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from e2e.cluster import report
from e2e.images import build, wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import IMAGES

MOUNTED = ("run", "--isolation", "chroot", "--workingdir", "/checkout")
CHECKOUT_VOLUME = f"{CHECKOUT}:/checkout:ro"
LOCK = "requirements/trainer-test.txt"


@dataclass(frozen=True)
class Suite:
    """Tests of one image. conftest: the folder above which no conftest.py is read, if any is not
    for the image."""

    image: str
    tests: tuple[str, ...]
    conftest: str = "."


SUITES = {
    "test-trainer": Suite(
        image="trainer", tests=("tests/runtime/training", "tests/runtime/formats/torch_only")
    ),
    "test-converter": Suite(
        image="converter",
        tests=("tests/runtime/conversion/tensorflow_only",),
        conftest="tests/runtime/conversion",
    ),
}


def run(suite: Suite, words: Sequence[str], *, buildah: Buildah, places: Places) -> int:
    """pytest's exit status; `words` are more arguments for it, in the place of the tests."""
    reference = build.ensure(IMAGES[suite.image], buildah=buildah, places=places)
    with report.step("packages of the tests"):
        packages = wheels.installed(
            "trainer-test", lock=CHECKOUT / LOCK, cache=places.wheels, work=places.work
        )
    container = buildah.call("from", "--pull-never", reference)
    try:
        return buildah.attached(
            *MOUNTED,
            *("--volume", CHECKOUT_VOLUME, "--volume", f"{packages}:/packages:ro"),
            *("--env", "PYTHONPATH=/packages", container, "--"),
            *("python3", "-m", "pytest", "-p", "no:cacheprovider"),
            *(f"--confcutdir={suite.conftest}", *(words or suite.tests)),
        )
    finally:
        buildah.call("rm", container)


def output(reference: str, words: Sequence[str], *, buildah: Buildah) -> str:
    """What `python3 …` prints in an image that is there. Raises Problem where it fails."""
    container = buildah.call("from", "--pull-never", reference)
    try:
        return buildah.call(
            *MOUNTED,
            *("--volume", CHECKOUT_VOLUME, "--env", "PYTHONPATH=/checkout/runtime:/checkout"),
            *(container, "--", "python3", *words),
        )
    finally:
        buildah.call("rm", container)
