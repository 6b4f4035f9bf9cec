"""The tests that need torch, run where torch is: in the trainer image's root filesystem.

The checkout is mounted, so its sources are tested and not those in the image; pytest is mounted
beside it and is no part of what is shipped.
"""

from collections.abc import Sequence

from e2e.cluster import report
from e2e.images import build, wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import IMAGES

LOCK = "requirements/trainer-test.txt"
TESTS = ("tests/runtime/training", "tests/runtime/formats/torch_only")


def run(words: Sequence[str], *, buildah: Buildah, places: Places) -> int:
    """pytest's exit status; `words` are more arguments for it."""
    reference = build.ensure(IMAGES["trainer"], buildah=buildah, places=places)
    with report.step("packages of the tests"):
        packages = wheels.installed(
            "trainer-test", lock=CHECKOUT / LOCK, cache=places.wheels, work=places.work
        )
    container = buildah.call("from", "--pull-never", reference)
    try:
        return buildah.attached(
            *("run", "--isolation", "chroot", "--workingdir", "/checkout"),
            *("--volume", f"{CHECKOUT}:/checkout:ro", "--volume", f"{packages}:/packages:ro"),
            *("--env", "PYTHONPATH=/packages", container, "--"),
            *("python3", "-m", "pytest", "-p", "no:cacheprovider", *(words or TESTS)),
        )
    finally:
        buildah.call("rm", container)
