"""What a spec says of a model's file reaches the pods, and what the file is reaches the status."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.world import PLATFORM, SHA, World, referring, service, version

DIGEST = "sha256:" + "b" * 64


def world(*, python: bool = False, **source: Any) -> World:
    models = [{"name": "m", "source": {"uri": "s3://models/m", "sha256": SHA, **source}}]
    made = World(service(models=models), platform=replace(PLATFORM, allow_python_models=python))
    made.settle()
    return made


def document(made: World) -> dict[str, Any]:
    """The models.json of the one revision."""
    (found,) = (item for (kind, _), item in made.children.items() if kind == "ConfigMap")
    wanted: dict[str, Any] = json.loads(found.owned["data"]["models.json"])
    return wanted


@pytest.mark.parametrize(
    "said",
    [{"format": "TorchScript"}, {"recipe": "cnn"}, {"format": "SafeTensors", "recipe": "cnn"}],
)
def test_what_is_said_is_handed_on_and_makes_another_revision(said: dict[str, str]) -> None:
    unsaid, made = world(), world(**said)
    (before,) = document(unsaid)["models"]
    (after,) = document(made)["models"]
    assert before.keys() & {"format", "recipe"} == set()
    assert after == before | said
    assert unsaid.deployments().keys() != made.deployments().keys()


TENSORS = {
    side: [{"name": name, "dataType": "FP32", "shape": [-1, 4]}]
    for side, name in (("inputs", "x"), ("outputs", "OUTPUT__0"))
}


@pytest.mark.parametrize(
    ("said", "handed"),
    [
        ({"format": "ONNX", **TENSORS}, {}),
        ({"format": "TorchScript", **TENSORS}, {"format": "TorchScript", **TENSORS}),
        ({"format": "TorchExport"}, {"format": "TorchExport"}),
    ],
)
def test_a_version_speaks_for_its_file_where_the_file_cannot(
    said: dict[str, Any], handed: dict[str, Any]
) -> None:
    published = version("v3", 3)
    published["spec"] |= said
    made = World(service(models=referring(name="v3")), published=[published])
    made.settle()
    (model,) = document(made)["models"]
    assert {key: model[key] for key in ("format", *TENSORS) if key in model} == handed


def test_that_code_is_allowed_is_the_platforms_word() -> None:
    assert "security" not in document(world())
    assert document(world(python=True))["security"] == {"allowPythonModels": True}
    assert world().deployments() == world(python=True).deployments()


def test_the_status_names_the_format_that_a_check_found() -> None:
    made = World(service(models=[{"name": "m", "source": {"uri": "s3://models/m"}}]))
    made.settle()
    (check,) = made.jobs()
    told = {"name": "m", "version": 1, "digest": DIGEST, "format": "TorchExport"}
    made.end_job(check, container="check", ok=True, models=[told])
    made.settle()
    made.run_pods()
    assert made.settle()["models"][0]["format"] == "TorchExport"
