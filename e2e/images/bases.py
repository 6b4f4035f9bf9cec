"""The root filesystems below the development images, made from the distribution's packages."""

import subprocess
import zipfile

from e2e.cluster import report
from e2e.cluster.problem import Problem
from e2e.images import content, wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import BUILD_LOCK, REPOSITORY, Base

_TAIL = 20
_SITE = "/usr/local/lib/python3.13/dist-packages"  # where Debian's Python looks for local packages


def make(base: Base, *, buildah: Buildah, places: Places) -> None:
    """Put the base into the storage."""
    with report.step(f"base {base.name}"):
        tar = places.work / f"{base.name}.tar"
        _bootstrap(base, tar=str(tar))
        buildah.layer(base.reference, origin="scratch", content=tar, destination="/")
        tar.unlink()


def _bootstrap(base: Base, *, tar: str) -> None:
    done = subprocess.run(
        ["mmdebstrap", *base.mmdebstrap, tar], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Problem(
            f"the root filesystem {base.name} could not be made",
            advice="see below what mmdebstrap says, and whether Debian's mirror can be reached",
            details="\n".join(done.stderr.splitlines()[-_TAIL:]),
        )


def builder(base: Base) -> str:
    """The reference of the base with pip, for the Dockerfiles' BUILDER."""
    made_of = content.tag(base.reference, (CHECKOUT / BUILD_LOCK).read_bytes())
    return f"{REPOSITORY}/builder:{base.name}-{made_of}"


def make_builder(base: Base, *, buildah: Buildah, places: Places) -> None:
    """Put the base with pip into the storage; of it, only what pip installs is shipped."""
    locks = [CHECKOUT / BUILD_LOCK]
    found = wheels.download("build", locks=locks, cache=places.wheels, work=places.work)
    unpacked = places.work / f"pip-{base.name}"
    with zipfile.ZipFile(next(found.glob("pip-*.whl"))) as archive:
        archive.extractall(unpacked)
    buildah.layer(builder(base), origin=base.reference, content=unpacked, destination=_SITE)
