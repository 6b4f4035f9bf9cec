"""How much a node downloads for the operator."""

import json
import shutil
from pathlib import Path

from e2e.bench.figure import Figure
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Skipped, Trial
from e2e.images import leftovers, places
from e2e.images.buildah import Buildah
from e2e.images.recipes import IMAGES

FIGURES = (Figure("compressed", "the operator's image, compressed", unit="MB", at_most=120.0),)


async def run(trial: Trial) -> None:
    """Write the image that was built last as a registry would get it, and weigh its layers."""
    here = places.default()
    if shutil.which("buildah") is None or not here.storage.exists():
        raise Skipped("no image was built on this machine: make images")
    buildah = Buildah(here)
    reference = _reference(buildah)
    if reference is None:
        raise Skipped("the operator's image was not built on this machine: make images")
    target = trial.directory / "image"
    with leftovers.alone(here):
        buildah.call("push", "--quiet", reference, f"oci:{target}:operator")
    layers = _layers(target)
    for number, size in enumerate(layers):
        trial.row("layers", number=number, bytes=size)
    current = reference == IMAGES["operator"].reference()
    trial.parameters["image"] = "of this checkout" if current else "of an earlier checkout"
    trial.measure("compressed", sum(layers) / 1e6)


def _reference(buildah: Buildah) -> str | None:
    """The image of this checkout, else the newest one."""
    wanted = IMAGES["operator"].reference()
    listed = buildah.call("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}").split()
    found = [item for item in listed if item.startswith(f"{wanted.rpartition(':')[0]}:")]
    return wanted if wanted in found else next(iter(found), None)


def _layers(layout: Path) -> list[int]:
    """Sizes of the layers of the one image in an OCI layout."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_text())
    return [int(layer["size"]) for layer in manifest["layers"]]


SCENARIO = Scenario(
    "image",
    "The operator's image is written as a registry gets it.",
    FIGURES,
    run,
    minutes=1,
    order=41,
)
