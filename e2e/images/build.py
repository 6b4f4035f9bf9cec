"""From recipes to images in buildah's storage; what is there already is not built again."""

from e2e.cluster import report
from e2e.images import bases, wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import BASES, IMAGES, Image


def ensure(image: Image, *, buildah: Buildah, places: Places) -> str:
    """The reference of the image, built with all that it stands on unless the storage has it.

    A file that is edited during the build is in the image or not: then it is built again, so that
    a tag never names other content than its own.
    """
    while not buildah.has(reference := image.reference()):
        _build(image, reference=reference, buildah=buildah, places=places)
        if image.reference() != reference:
            report.note(f"the sources of {image.name} changed meanwhile: building it again")
            buildah.remove(reference)
    return reference


def _current() -> set[str]:
    """The references that this checkout may need."""
    images = {image.reference() for image in IMAGES.values()}
    return images | set(BASES) | {bases.builder(base) for base in BASES.values()}


def _build(image: Image, *, reference: str, buildah: Buildah, places: Places) -> None:
    base = BASES[image.base]
    if not buildah.has(base.reference):
        bases.make(base, buildah=buildah, places=places)
        buildah.prune(keep=_current())  # whatever stood on the base before
    if not buildah.has(bases.builder(base)):
        bases.make_builder(base, buildah=buildah, places=places)
    with report.step(f"packages of {image.name}"):
        found = wheels.download(
            image.name,
            locks=[CHECKOUT / lock for lock in image.locks],
            cache=places.wheels,
            work=places.work,
        )
    with report.step(f"image {image.name}"):
        buildah.build(
            reference,
            context=CHECKOUT / image.context,
            dockerfile=CHECKOUT / image.dockerfile,
            target=image.target,
            arguments=(
                ("BASE", base.reference),
                ("BUILDER", bases.builder(base)),
                ("PIP_NO_INDEX", "1"),
                *image.arguments,
            ),
            wheels=found,
        )
