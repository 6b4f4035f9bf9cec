"""What the recipes say is what the Dockerfiles take."""

import re
from pathlib import Path

import pytest

from e2e.images.places import CHECKOUT
from e2e.images.recipes import BASES, IMAGES, SLIM, TORCH, Image
from e2e.images.registry import images as published

ALL = [pytest.param(image, id=name) for name, image in IMAGES.items()]


def instructions(image: Image) -> list[str]:
    """The instructions of the Dockerfile, each on one line."""
    text = re.sub(r"(?m)^#.*\n", "", (CHECKOUT / image.dockerfile).read_text())
    return re.sub(r"\\\n\s*", "", text).splitlines()


def copied(image: Image) -> set[str]:
    """The paths below the checkout that the Dockerfile copies, for any of its targets."""
    found = set()
    for line in instructions(image):
        if line.startswith("COPY ") and "--from=" not in line:
            *sources, _ = [word for word in line.split()[1:] if not word.startswith("--")]
            found |= {str(Path(image.context, source)) for source in sources}
    return found


@pytest.mark.parametrize("image", ALL)
def test_all_that_is_copied_is_in_the_tag(image: Image) -> None:
    counted = {str(Path(path)) for path in (*image.sources, *image.locks)}
    others = {
        "requirements/${TRAINER_REQUIREMENTS}",
        "requirements/converter.txt",
        "requirements/runtime.txt",
    }
    assert copied(image) - others <= counted
    assert set(image.sources) <= copied(image)


@pytest.mark.parametrize("image", ALL)
def test_it_runs_as_nobody_on_its_base(image: Image) -> None:
    lines = instructions(image)
    assert lines.count("USER 65532:65532") == 1
    assert image.base in BASES
    assert any(line.startswith("ARG BASE") for line in lines)


@pytest.mark.parametrize("image", ALL)
def test_every_file_is_there(image: Image) -> None:
    for path in (image.dockerfile, *image.sources, *image.locks):
        assert (CHECKOUT / path).exists(), path


def test_a_reference_names_its_content() -> None:
    references = {image.reference() for image in IMAGES.values()}
    assert len(references) == 5
    for reference in references:
        assert re.fullmatch(r"localhost/modelservice/[a-z]+:[0-9a-f]{12}", reference)


def test_a_base_is_named_by_its_packages() -> None:
    assert SLIM.reference != TORCH.reference
    assert re.fullmatch(r"localhost/modelservice/base:trixie-[0-9a-f]{12}", SLIM.reference)
    assert "--include=ca-certificates,libstdc++6,python3" in SLIM.mmdebstrap


def test_what_is_published_stands_on_the_production_base() -> None:
    images = {image.name: image for image in published("registry.example.com/python:3.13")}
    assert set(images) == {"operator", "agent", "trainer", "converter"}
    assert {image.base for image in images.values()} == {"registry.example.com/python:3.13"}
    assert "requirements/trainer.txt" in images["trainer"].locks
    assert images["trainer"].arguments == ()
    assert images["agent"].tag() != IMAGES["agent"].tag()
