"""The life of a training in the pure core: runs, versions, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

from modelservice_operator.api import parse_version
from modelservice_operator.observed.jobs import RETRY_AFTER
from tests.desired.test_plan import RESULT
from tests.world import World, service, trained


def test_a_run_publishes_one_version_which_is_then_served() -> None:
    world = World(service(models=trained()))
    world.settle()
    (job,) = world.jobs()
    assert world.condition("TrainingComplete") == ("False", "Training")
    world.end_job(job, container="train", **RESULT)
    world.settle()
    assert [item["metadata"]["name"] for item in world.versions] == ["svc-m-1"]
    assert world.children["Job", job].owned["spec"]["ttlSecondsAfterFinished"] > 0
    world.run_pods()
    status = world.settle()
    assert status["version"] == "1"
    assert world.condition("TrainingComplete") == ("True", "Trained")
    del world.children["Job", job]  # its time to live is over
    assert not world.change()


def test_a_version_says_what_made_it() -> None:
    """Not what would make it now: the operator may have been upgraded while the Job ran."""
    world = World(service(models=trained()))
    world.settle()
    (job,) = world.jobs()
    images = replace(world.platform.images, trainer="new:2")
    world.platform = replace(world.platform, images=images)
    world.end_job(job, container="train", **RESULT)
    world.settle()
    lineage = world.versions[0]["spec"]["lineage"]
    assert lineage["job"] == job
    assert lineage["code"] == {"image": "example.org/trainer:1"}
    assert lineage["dataset"] == RESULT["dataset"]
    assert parse_version({"metadata": {}, **world.versions[0]})


def test_a_retraining_that_fails_leaves_the_older_version_in_force() -> None:
    world = World(service(models=trained()))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    world.run_pods()
    world.settle()
    world.edit(models=trained(epochs=7))
    world.settle()
    (job,) = world.jobs()
    world.end_job(job, container="train", code=42, reason="TrainingDiverged", message="NaN")
    status = world.settle()
    assert world.condition("TrainingComplete") == ("False", "TrainingDiverged")
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("Available") == ("True", "Serving")
    assert status["version"] == "1"
    world.now += 100 * RETRY_AFTER
    assert not world.change(), "what waits for a new spec is not tried again"


def test_a_lost_result_is_looked_for_again() -> None:
    world = World(service(models=trained()))
    world.settle()
    (job,) = world.jobs()
    world.end_job(job, container="train", **RESULT)
    world.pods.clear()
    world.settle()
    assert world.versions == []
    assert world.condition("TrainingComplete") == ("False", "ResultLost")
    world.now += RETRY_AFTER
    world.settle()
    assert world.writes.count(f"create Job/{job}") == 2


def test_a_result_that_is_on_its_way_is_waited_for() -> None:
    world = World(service(models=trained()))
    world.settle()
    (job,) = world.jobs()
    world.end_job(job, container="train", **RESULT)
    ended, world.pods[-1]["status"] = world.pods[-1]["status"], {"phase": "Running"}
    world.settle()
    assert world.condition("TrainingComplete") == ("False", "Training")
    world.pods[-1]["status"] = ended
    world.settle()
    assert len(world.versions) == 1


def test_a_service_made_again_serves_what_it_had_trained() -> None:
    world = World(service(models=trained()))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    again = World(service(models=trained()), versions=world.versions)
    again.settle()
    assert again.jobs() == []
    assert len(again.deployments()) == 1


def test_a_version_that_is_deleted_is_made_anew_under_another_number() -> None:
    world = World(service(models=trained()))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    world.run_pods()
    world.settle()
    (job,) = world.jobs()
    world.versions.clear()
    world.settle()
    assert world.writes[-2:] == [f"delete Job/{job}", f"create Job/{job}"]
    assert world.condition("Available") == ("True", "Serving")
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    assert [item["spec"]["version"] for item in world.versions] == [2]


def test_a_number_whose_name_is_anothers_is_left_out() -> None:
    """The harm: service `svc` with model `a-b`, and `svc-a` with model `b`, make the same names."""
    world = World(service(models=trained()), taken={"svc-m-1", "svc-m-2", "svc-m-4"})
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    assert [item["metadata"]["name"] for item in world.versions] == ["svc-m-3"]


def test_a_changed_training_takes_the_next_number() -> None:
    world = World(service(models=trained()))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    world.edit(models=trained(epochs=9))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    assert [item["spec"]["version"] for item in world.versions] == [1, 2]
