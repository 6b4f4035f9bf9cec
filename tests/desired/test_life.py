"""A service's life in the pure core: models change, pods come and go, trainings end."""

from __future__ import annotations

import json

from modelservice_operator.desired.situation import SURGE_PATIENCE
from modelservice_operator.observed.jobs import RETRY_AFTER
from modelservice_operator.observed.pods import rfc3339
from tests.world import SHA, World, service, trained

OTHER = [{"name": "m", "source": {"uri": "s3://models/n.onnx", "sha256": "b" * 64}}]


def serving(**spec: object) -> World:
    """A service whose pods are ready."""
    world = World(service(**spec))
    world.settle()
    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    world.writes.clear()
    return world


def test_a_model_of_known_bytes_is_served_without_a_look_at_it() -> None:
    world = World(service())
    world.settle()
    assert world.jobs() == []
    assert list(world.deployments().values()) == [1]
    assert world.condition("Ready") == ("False", "Loading")
    world.run_pods()
    status = world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert status["models"][0]["digest"] == f"sha256:{SHA}"


def test_a_model_of_unknown_bytes_is_looked_at_first_and_pinned() -> None:
    world = World(service(models=[{"name": "m", "source": {"uri": "s3://models/m.onnx"}}]))
    world.settle()
    assert world.deployments() == {}
    assert world.condition("Ready") == ("False", "Checking")
    tensors = [{"name": "x", "dataType": "FP32", "shape": [-1, 4]}]
    seen = {"name": "m", "version": 1, "digest": "sha256:" + "d" * 64, "inputs": tensors}
    world.end_job(world.jobs()[0], container="check", ok=True, models=[seen])
    status = world.settle()
    assert len(world.deployments()) == 1
    assert world.jobs() == [], "a check whose result is recorded is collected"
    world.run_pods()
    status = world.settle()
    assert status["models"][0]["inputs"] == tensors


def test_a_branch_of_a_hub_is_pinned_to_the_commit_that_the_check_saw() -> None:
    commit, digest = "c" * 40, "sha256:" + "d" * 64
    world = World(service(models=[{"name": "m", "source": {"uri": "hf://org/repo@main/m.onnx"}}]))
    world.settle()
    seen = {"name": "m", "version": 1, "digest": digest, "pin": commit}
    world.end_job(world.jobs()[0], container="check", ok=True, models=[seen])
    world.settle()
    (config,) = [item for (kind, _), item in world.children.items() if kind == "ConfigMap"]
    (wanted,) = json.loads(config.owned["data"]["models.json"])["models"]
    assert (wanted["uri"], wanted["digest"]) == (f"hf://org/repo@{commit}/m.onnx", digest)
    writes = len(world.writes)
    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert len(world.writes) == writes, "the pin is no change of the spec"


def test_a_claim_that_is_missing_is_named_until_it_appears() -> None:
    """The pod of the check, and without one the serving pod: it hangs before any program runs."""
    for sha256 in (None, SHA):
        source = {"uri": "pvc://models/m.onnx", **({"sha256": sha256} if sha256 else {})}
        world = World(service(models=[{"name": "m", "source": source}]))
        world.settle()
        world.find_no_node('0/1 nodes are available: persistentvolumeclaim "models" not found.')
        world.settle()
        assert world.condition("Ready") == ("False", "ClaimMissing")
        assert world.condition("Reconciling") == ("True", "ClaimMissing")
        assert "PersistentVolumeClaim models" in str(world.service["status"])
        world.find_no_node("0/1 nodes are available: 1 Insufficient cpu.")
        world.settle()
        assert world.condition("Ready") == ("False", "Unschedulable")


def test_a_check_that_heals_is_tried_again_and_one_that_does_not_waits() -> None:
    world = World(service(models=[{"name": "m", "source": {"uri": "s3://models/m.onnx"}}]))
    world.settle()
    job = world.jobs()[0]
    world.end_job(job, container="check", code=43, reason="SecretMissing", message="x", heals=True)
    world.settle()
    assert world.condition("Ready") == ("False", "SecretMissing")
    assert world.condition("Stalled") == ("", "")
    assert world.writes.count(f"create Job/{job}") == 1
    world.now += RETRY_AFTER
    world.settle()
    assert world.writes.count(f"create Job/{job}") == 2
    world.end_job(job, container="check", code=42, reason="TensorMismatch", message="x")
    world.settle()
    world.now += 10 * RETRY_AFTER
    world.settle()
    assert world.condition("Stalled") == ("True", "TensorMismatch")
    assert world.writes.count(f"create Job/{job}") == 2


def test_a_new_model_comes_up_beside_the_old_one() -> None:
    world = serving()
    (old,) = world.deployments()
    world.edit(models=OTHER)
    world.settle()
    assert sorted(world.deployments().values()) == [1, 1]
    assert world.deployments()[old] == 1
    world.run_pods(ready=False)
    status = world.settle()
    assert status["readyReplicas"] == 1
    assert status["selector"].endswith(old.removeprefix("svc-"))
    world.run_pods()
    world.settle()
    assert old not in world.deployments()
    world.run_pods()
    assert world.settle()["models"][0]["digest"] == "sha256:" + "b" * 64
    assert world.condition("Ready") == ("True", "Serving")
    assert {name for kind, name in world.children if kind == "ControllerRevision"} == set(
        world.deployments()
    )


def test_a_rollout_is_over_when_the_old_pods_have_drained() -> None:
    world = serving()
    (old,) = world.pods
    world.edit(models=OTHER)
    world.settle()
    world.run_pods()
    world.settle()
    world.run_pods()
    world.pods.append(old)
    old["metadata"]["deletionTimestamp"] = rfc3339(world.now + 90)
    old["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    world.settle()
    assert world.condition("Ready") == ("False", "RollingOut")
    world.pods.remove(old)
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_an_old_pod_on_a_lost_node_does_not_keep_a_rollout_open() -> None:
    world = serving()
    (old,) = world.pods
    world.edit(models=OTHER)
    world.settle()
    world.run_pods()
    world.settle()
    world.pods.append(old)
    old["metadata"]["deletionTimestamp"] = rfc3339(world.now - 1)
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_a_broken_new_model_leaves_the_old_one_in_service() -> None:
    world = serving()
    (old,) = world.deployments()
    world.edit(models=OTHER)
    world.settle()
    world.run_pods(ready=False)
    world.fail_fetch(reason="ModelInvalid", message="not a model", heals=False)
    world.settle()
    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Ready") == ("False", "ModelInvalid")
    assert world.condition("Stalled") == ("True", "ModelInvalid")
    assert world.deployments()[old] == 1


def test_going_back_ends_the_rollout_without_touching_what_serves() -> None:
    world = serving()
    (old,) = world.deployments()
    first = world.service["spec"]["models"]
    world.edit(models=OTHER)
    world.settle()
    world.run_pods(ready=False)
    world.edit(models=first)
    world.settle()
    assert world.deployments() == {old: 1}
    assert f"delete Deployment/{old}" not in world.writes


def test_no_room_turns_a_surge_into_a_replacement_after_a_check() -> None:
    world = serving(gpu={"count": 1})
    (old,) = world.deployments()
    world.edit(models=OTHER)
    world.settle()
    world.run_pods(room=1)
    world.settle()
    assert world.condition("GPUScheduled") == ("False", "Unschedulable")
    assert len(world.deployments()) == 2
    world.now += SURGE_PATIENCE
    world.settle()
    assert old in world.deployments(), "nothing is taken away before the check has passed"
    (check,) = world.jobs()
    world.end_job(check, container="check", ok=True, models=[])
    status = world.settle()
    assert old not in world.deployments()
    assert world.jobs() == []
    assert status["models"][0]["digest"] == "sha256:" + "b" * 64
    world.run_pods(room=1)
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_a_replacement_frees_the_old_place_before_it_takes_a_new_one() -> None:
    world = serving(rollout={"strategy": "Replace"}, serving={"replicas": 3})
    (old,) = world.deployments()
    world.edit(models=OTHER)
    world.settle()
    world.end_job(world.jobs()[0], container="check", ok=True, models=[])
    world.settle()
    seen = []
    for _ in range(12):
        seen.append(sum(world.deployments().values()))
        world.run_pods(room=3)
        ready = world.settle()["readyReplicas"]
        assert ready >= 2
    assert max(seen) <= 3
    assert list(world.deployments().values()) == [3]
    assert old not in world.deployments()


def test_scaling_does_not_make_a_revision() -> None:
    world = serving()
    world.edit(serving={"replicas": 4})
    world.settle()
    assert [write.split("/")[0] for write in world.writes] == ["apply Deployment"]
    assert list(world.deployments().values()) == [4]


def test_suspension_keeps_the_revision_and_stops_training() -> None:
    world = serving()
    world.edit(suspend=True)
    world.settle()
    assert list(world.deployments().values()) == [0]
    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Suspended")
    assert world.condition("Available") == ("False", "Suspended")
    training = World(service(models=trained(), suspend=True))
    training.settle()
    (job,) = [item for (kind, _), item in training.children.items() if kind == "Job"]
    assert job.owned["spec"]["suspend"] is True
    training.edit(suspend=False)
    training.settle()
    (job,) = [item for (kind, _), item in training.children.items() if kind == "Job"]
    assert job.owned["spec"]["suspend"] is False


def test_a_pod_has_its_deadline_from_when_it_was_last_ready() -> None:
    world = serving()
    world.now += 10 * 3600
    (pod,) = world.pods
    pod["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "lastTransitionTime": rfc3339(world.now)}
    ]
    world.now += 60
    world.settle()
    assert world.condition("Stalled") == ("", "")
    world.now += 30 * 60
    world.settle()
    assert world.condition("Stalled") == ("True", "ProgressDeadlineExceeded")


def test_a_record_that_somebody_deleted_is_written_again_and_nothing_else() -> None:
    world = serving()
    record = next(key for key in world.children if key[0] == "ControllerRevision")
    data = world.children[record].owned["data"]["template"]
    del world.children[record]
    world.settle()
    assert [write for write in world.writes if "Deployment" in write] == []
    assert world.children[record].owned["data"]["template"] == data
