"""From recipes to images in buildah's storage; what is there already is not built again."""

from e2e.cluster import report
from e2e.images import bases, wheels
from e2e.images.buildah import Buildah
from e2e.images.places import CHECKOUT, Places
from e2e.images.recipes import BASES, Image


def ensure(image: Image, *, buildah: Buildah, places: Places) -> str:
    """The reference of the image, built with all that it stands on unless the storage has it."""
    reference = image.reference()
    if buildah.has(reference):
        return reference
    base = BASES[image.base]
    bases.ensure(base, buildah=buildah, places=places)
    builder = bases.builder(base, buildah=buildah, places=places)
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
                ("BUILDER", builder),
                ("PIP_NO_INDEX", "1"),
                *image.arguments,
            ),
            wheels=found,
        )
    return reference
