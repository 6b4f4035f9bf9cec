"""Other models in the pods that serve: when it is done, how it goes on, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelservice_operator.rollout.reload import PATIENCE
from tests.world import SHA, World, service

OTHER = "b" * 64
THIRD = "c" * 64


def models(sha: str = OTHER, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "m", "source": {"uri": "s3://models/m.onnx", "sha256": sha}, **more}]


def serving(*, replicas: int = 2, able: bool = True, **spec: Any) -> World:
    """A service that is Ready, with pods whose programs can reload."""
    world = World(service(serving={"replicas": replicas}, **spec), able=able)
    for _ in range(3):
        world.settle()
        world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    world.writes.clear()
    return world


def document(world: World) -> dict[str, Any]:
    """What is mounted into the pods."""
    (config,) = [item for (kind, _), item in world.children.items() if kind == "ConfigMap"]
    return dict(json.loads(config.owned["data"]["models.json"]))


def status(world: World) -> dict[str, Any]:
    return dict(world.service["status"])


def test_a_change_of_models_alone_takes_no_pod() -> None:
    world = serving()
    before, pods = world.deployments(), list(world.pods)

    world.edit(models=models())
    told = world.settle()

    assert told["rollout"]["strategy"] == "Reload"
    assert told["rollout"]["gpuDelta"] == 0
    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Ready") == ("False", "RollingOut")
    assert (told["version"], told["models"][0]["digest"]) == ("1", f"sha256:{SHA}")
    assert document(world)["models"][0]["digest"] == f"sha256:{OTHER}"
    assert document(world)["models"][0]["version"] == 2

    world.agents()
    told = world.settle()

    assert world.condition("Ready") == ("True", "Serving")
    assert (told["version"], told["models"][0]["digest"]) == ("2", f"sha256:{OTHER}")
    assert told["models"][0]["loadedReplicas"] == 2
    assert "rollout" not in told
    assert (world.deployments(), world.pods) == (before, pods)
    (name,) = before
    assert told["selector"].endswith(f"revision={name.removeprefix('svc-')}")


def test_it_is_ready_when_every_pod_has_the_models() -> None:
    world = serving(replicas=3)
    world.edit(models=models())
    world.settle()

    world.agents(count=2)
    told = world.settle()

    assert world.condition("Ready") == ("False", "RollingOut")
    assert (told["readyReplicas"], told["models"][0]["loadedReplicas"]) == (3, 1)
    assert told["models"][0]["digest"] == f"sha256:{SHA}"
    reload = world.look().reload
    assert reload is not None
    assert reload.asked == (world.pods[2]["metadata"]["uid"],)

    world.agents()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_an_operator_that_begins_anew_believes_what_it_wrote() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents()
    world.settle()
    world.writes.clear()

    world.progress.clear()

    told = world.settle()
    assert world.writes == []
    assert world.condition("Ready") == ("True", "Serving")
    assert told["models"][0]["digest"] == f"sha256:{OTHER}"


def test_an_operator_that_begins_anew_amid_it_asks_again() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents(count=1)
    world.settle()
    world.progress.clear()

    world.settle()
    reload = world.look().reload
    assert reload is not None
    assert len(reload.asked) == 2
    assert world.condition("Ready") == ("False", "RollingOut")


def test_back_to_the_first_models_is_a_reload_too() -> None:
    """The harm: on a Friday evening the way back takes new pods, on GPUs that nobody has."""
    world = serving()
    first = world.service["spec"]["models"]
    world.edit(models=models())
    world.settle()
    world.agents()
    world.settle()
    world.now += 10 * PATIENCE

    world.edit(models=first)
    told = world.settle()
    assert told["rollout"]["strategy"] == "Reload"
    assert document(world)["models"][0]["version"] == 3
    world.now += 5
    told = world.settle()
    assert told["rollout"]["strategy"] == "Reload"

    world.agents()
    told = world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert told["models"][0]["digest"] == f"sha256:{SHA}"
    assert len(world.deployments()) == 1


def test_only_what_is_served_is_on_record() -> None:
    """The harm: the registry refuses the deletion of a version that nobody serves any more."""
    world = serving()
    (old,) = world.deployments()
    world.edit(models=models())
    world.settle()
    assert len(records(world)) == 2

    world.agents()
    told = world.settle()
    assert records(world) == [told["revision"]]
    assert told["revision"] != old


def test_a_record_that_is_lost_is_written_again_and_pods_stay() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents()
    told = world.settle()
    name, before = told["revision"], dict(world.children)
    del world.children["ControllerRevision", name]
    world.writes.clear()

    world.settle()
    assert world.writes == [f"create ControllerRevision/{name}"]
    kept = world.children["ControllerRevision", name].owned["data"]
    assert kept["template"] == before["ControllerRevision", name].owned["data"]["template"]
    assert kept["document"] == before["ControllerRevision", name].owned["data"]["document"]


def records(world: World) -> list[str]:
    return [name for kind, name in world.children if kind == "ControllerRevision"]


def test_a_newer_spec_amid_it_is_taken_over_at_once() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents(count=1)
    world.settle()

    world.edit(models=models(THIRD))
    told = world.settle()
    assert told["rollout"]["strategy"] == "Reload"
    assert document(world)["models"][0]["version"] == 3
    world.agents()
    told = world.settle()
    assert told["models"][0]["digest"] == f"sha256:{THIRD}"
    assert world.condition("Ready") == ("True", "Serving")


def test_back_amid_it_asks_every_pod() -> None:
    """The harm: of pods that took over what nobody wants any more, it was said they had not."""
    world = serving()
    first = world.service["spec"]["models"]
    world.edit(models=models())
    world.settle()
    world.agents(count=1)
    world.settle()

    world.edit(models=first)
    world.settle()
    assert document(world)["models"][0]["digest"] == f"sha256:{SHA}"
    reload = world.look().reload
    assert reload is not None
    assert len(reload.asked) == 2

    world.agents()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    (deployment,) = [item for (kind, _), item in world.children.items() if kind == "Deployment"]
    assert deployment.owned["metadata"]["annotations"] == {"modelservice.io/sequence": "2"}


def test_pods_that_come_later_start_with_the_wanted_models() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents()
    world.settle()

    world.edit(serving={"replicas": 4})
    world.settle()
    world.run_pods()
    told = world.settle()
    assert told["models"][0]["loadedReplicas"] == 4
    assert document(world)["models"][0]["digest"] == f"sha256:{OTHER}"
    assert list(world.deployments().values()) == [4]


@pytest.mark.parametrize("said", ["failed", "silent", "unaware", "slow"])
def test_a_reload_that_does_not_come_about_becomes_a_rollout(said: str) -> None:
    world = serving(replicas=1)
    (old,) = world.deployments()
    world.edit(models=models())
    world.settle()

    match said:
        case "failed":
            world.agents(count=0, phase="Failed", reason="LoadFailed", message="m: no memory")
        case "silent" | "unaware":
            world.agents(count=0)
            world.settle()
            assert list(world.deployments()) == [old]
            world.now += PATIENCE
        case "slow":
            world.agents(count=0, phase="Loading")
            world.now += PATIENCE
            world.settle()
            assert list(world.deployments()) == [old]
            world.now += 1800
    told = world.settle()

    assert told["rollout"]["strategy"] == "Surge"
    assert "A live reload failed: " in told["rollout"]["reason"]
    assert world.condition("Available") == ("True", "Serving")
    new = next(name for name in world.deployments() if name != old)
    assert world.deployments() == {old: 1, new: 1}
    config = world.children["ConfigMap", old].owned["data"]["models.json"]
    assert json.loads(config)["models"][0]["digest"] == f"sha256:{SHA}"

    for _ in range(3):
        world.run_pods()
        told = world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert list(world.deployments()) == [new]
    assert told["models"][0]["digest"] == f"sha256:{OTHER}"


@pytest.mark.parametrize(
    "spec",
    [
        {"serving": {"replicas": 2, "modelStorage": {"size": "30Gi"}}},
        {"serving": {"replicas": 2, "resources": {"limits": {"memory": "8Gi"}}}},
        {"serving": {"replicas": 2, "podLabels": {"team": "a"}}},
        {"gpu": {"count": 1}},
        {
            "models": [
                {
                    "name": "m",
                    "source": {
                        "uri": "s3://models/m.onnx",
                        "sha256": OTHER,
                        "secretRef": {"name": "another"},
                    },
                }
            ]
        },
        {"rollout": {"strategy": "Surge"}},
        {"rollout": {"strategy": "Replace"}},
    ],
)
def test_pods_that_would_differ_otherwise_are_made_anew(spec: dict[str, Any]) -> None:
    world = serving()
    world.edit(**{"models": models(), **spec})
    told = world.settle()
    assert told.get("rollout", {}).get("strategy") != "Reload"
    assert document_of(world, "serves") == []


def document_of(world: World, note: str) -> list[str]:
    return [
        name
        for (kind, name), item in world.children.items()
        if kind == "Deployment"
        for key in item.owned["metadata"].get("annotations", {})
        if key.endswith(note)
    ]


def test_programs_that_cannot_reload_are_replaced() -> None:
    """Pods that an older version made: their agent does not look at its mount again."""
    world = serving(able=False)
    world.edit(models=models())
    assert world.settle()["rollout"]["strategy"] == "Surge"


def test_pods_that_are_not_well_are_replaced() -> None:
    world = serving()
    world.pods[0]["status"]["conditions"][0]["status"] = "False"
    world.edit(models=models())
    assert world.settle()["rollout"]["strategy"] == "Surge"


def test_another_configuration_is_a_reload_of_the_same_version() -> None:
    world = serving()
    world.edit(models=models(SHA, maxBatchSize=8))
    assert world.settle()["rollout"]["strategy"] == "Reload"
    assert document(world)["models"][0]["version"] == 1
    world.agents()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_a_change_of_pods_after_a_reload_takes_the_reloaded_pods_away() -> None:
    world = serving()
    world.edit(models=models())
    world.settle()
    world.agents()
    world.settle()
    (old,) = world.deployments()

    world.edit(serving={"replicas": 2, "podLabels": {"team": "a"}})
    assert world.settle()["rollout"]["strategy"] == "Surge"
    for _ in range(5):
        world.run_pods()
        told = world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert old not in world.deployments()
    assert told["models"][0]["version"] == 2
    assert len(records(world)) == 1
