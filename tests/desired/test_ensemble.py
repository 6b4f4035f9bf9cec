"""An ensemble is looked at, served and told of beside its models, without bytes of its own."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.api import InvalidSpec
from tests.world import World, service

DIGEST = "sha256:" + "b" * 64
STEPS = [
    {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "clean"}},
    {"model": "cls", "inputs": {"x": "clean"}, "outputs": {"y": "scores"}},
]
TENSOR = {"dataType": "FP32", "shape": [-1, 4]}
WHOLE = {
    "name": "whole",
    "format": "Ensemble",
    "inputs": [{"name": "raw", **TENSOR}],
    "outputs": [{"name": "scores", **TENSOR}],
}


def models(*, steps: list[dict[str, Any]] = STEPS) -> list[dict[str, Any]]:
    return [
        {"name": "whole", "ensemble": {"steps": steps}},
        {"name": "pre", "source": {"uri": "s3://models/pre.onnx"}},
        {"name": "cls", "source": {"uri": "s3://models/cls.onnx"}},
    ]


def checked(**whole: Any) -> World:
    """A service whose models a check has looked at."""
    world = World(service(models=models()))
    world.settle()
    found = [{"name": name, "digest": DIGEST} for name in ("pre", "cls")]
    world.end_job(world.jobs()[0], container="check", ok=True, models=[*found, {**WHOLE, **whole}])
    world.settle()
    return world


def test_the_status_tells_of_an_ensemble_what_it_has() -> None:
    world = checked()
    world.run_pods()
    status = world.settle()
    assert status["models"][0] == {
        "name": "whole",
        "version": 1,
        "loadedReplicas": 1,
        "inputs": WHOLE["inputs"],
        "outputs": WHOLE["outputs"],
    }
    assert [item.get("digest") for item in status["models"]] == [None, DIGEST, DIGEST]
    assert status["version"] == "1"


def test_an_ensemble_is_not_pinned_by_what_a_pod_says() -> None:
    """Who may make pods in the namespace could else keep a service from ever settling."""
    assert checked(digest="sha256:" + "c" * 64).deployments() == checked().deployments()


def test_a_revision_whose_record_is_gone_is_known_by_its_document() -> None:
    world = checked()
    world.run_pods()
    world.settle()
    (before,) = world.deployments()
    (record,) = [key for key in world.children if key[0] == "ControllerRevision"]
    del world.children[record]
    world.settle()
    assert list(world.deployments()) == [before]
    assert world.condition("Ready") == ("True", "Serving")


def test_other_steps_are_another_revision() -> None:
    world = checked()
    (before,) = world.deployments()
    steps = [*STEPS[:1], {**STEPS[1], "inputs": {"x": "raw"}}]
    world.edit(models=models(steps=steps))
    world.settle()
    found = [{"name": name, "digest": DIGEST} for name in ("pre", "cls")]
    world.end_job(world.jobs()[-1], container="check", ok=True, models=[*found, WHOLE])
    world.settle()
    assert set(world.deployments()) - {before}


def test_a_circle_is_refused_where_the_api_server_does_not() -> None:
    steps = [{"model": "pre", "inputs": {"x": "a"}, "outputs": {"y": "a"}}]
    with pytest.raises(
        InvalidSpec, match=r"spec.models\[0\].ensemble.steps: step 0 waits for its own tensor"
    ):
        World(service(models=models(steps=steps))).settle()
