"""The life of a conversion in the pure core: files of Keras and TensorFlow become versions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modelservice_operator.api import parse_version
from modelservice_operator.desired.platform import PlatformTrust
from modelservice_operator.observed.jobs import RETRY_AFTER
from modelservice_operator.view import Manifest
from tests.world import PLATFORM, World, service

RESULT: Manifest = {
    "ok": True,
    "run": "x",
    "uri": "s3://models/default/svc/m/x/model.onnx",
    "digest": f"sha256:{'d' * 64}",
    "size": 4096,
    "format": "ONNX",
    "inputs": [{"name": "image", "dataType": "FP32", "shape": [-1, 28, 28, 1]}],
    "outputs": [{"name": "scores", "dataType": "FP32", "shape": [-1, 10]}],
    "source": {
        "uri": "s3://models/m.keras",
        "digest": f"sha256:{'a' * 64}",
        "format": "Keras",
    },
    "difference": "1.2e-07",
}


def keras(uri: str = "s3://models/m.keras", **source: Any) -> list[Manifest]:
    return [{"name": "m", "source": {"uri": uri, **source}}]


def job_spec(world: World) -> Manifest:
    (name,) = world.jobs()
    return dict(world.children["Job", name].owned["spec"]["template"]["spec"])


def containers(world: World) -> dict[str, Manifest]:
    spec = job_spec(world)
    return {item["name"]: item for item in (*spec["initContainers"], *spec["containers"])}


def document(container: Manifest) -> Manifest:
    variables = {item["name"]: item["value"] for item in container["env"]}
    return dict(json.loads(variables["MODELSERVICE_CONVERSION"]))


def served_models(world: World) -> list[Manifest]:
    (mounted,) = (
        item.owned["data"]["models.json"]
        for (kind, _), item in world.children.items()
        if kind == "ConfigMap"
    )
    return list(json.loads(mounted)["models"])


def test_a_file_of_keras_becomes_a_version_which_is_then_served() -> None:
    world = World(service(models=keras()))
    status = world.settle()
    (job,) = world.jobs()
    assert job.startswith("svc-m-convert-")
    assert not world.deployments()
    assert world.condition("Ready") == ("False", "Converting")
    assert world.condition("TrainingComplete") == ("", ""), "nothing is trained"
    (entry,) = status["conversions"]
    assert (entry["phase"], entry["job"]) == ("Pending", job)

    world.end_job(job, container="publish", **RESULT)
    world.settle()
    (version,) = world.versions
    assert version["metadata"]["name"] == "svc-m-1"
    assert parse_version({"metadata": {}, **version})
    lineage = version["spec"]["lineage"]
    assert lineage["source"] == RESULT["source"]
    assert lineage["metrics"] == {"difference": "1.2e-07"}
    assert lineage["code"] == {"image": "example.org/converter:1"}
    world.run_pods()
    status = world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert status["conversions"] == [
        {
            "model": "m",
            "run": entry["run"],
            "phase": "Succeeded",
            "version": 1,
            "difference": "1.2e-07",
        }
    ]
    (served,) = served_models(world)
    assert served["uri"] == RESULT["uri"]
    assert served["digest"] == RESULT["digest"]
    assert "format" not in served
    del world.children["Job", job]  # its time to live is over
    assert not world.change()


def test_a_model_of_too_many_tensors_for_a_message_becomes_a_version_too() -> None:
    """The harm: the reconcile of the service fails for ever."""
    world = World(service(models=keras()))
    world.settle()
    told = {key: value for key, value in RESULT.items() if key not in {"inputs", "outputs"}}
    world.end_job(world.jobs()[0], container="publish", **told, truncated=True)
    world.settle()
    (version,) = world.versions
    assert not {"inputs", "outputs"} & version["spec"].keys()
    assert parse_version({"metadata": {}, **version})
    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_only_what_brings_and_publishes_has_secrets() -> None:
    world = World(service(models=keras(secretRef={"name": "team"})))
    world.settle()
    mounts = {
        name: {mount["name"] for mount in item["volumeMounts"]}
        for name, item in containers(world).items()
    }
    assert mounts["convert"] == {"work", "tmp"}
    assert mounts["publish"] == {"work", "tmp", "credentials-modelservice-storage"}
    assert mounts["acquire"] == mounts["publish"] | {"credentials-team"}
    images = {name: item["image"] for name, item in containers(world).items()}
    agent = "example.org/agent:1"
    assert images == {"acquire": agent, "convert": "example.org/converter:1", "publish": agent}


def test_the_programs_are_told_what_the_spec_says() -> None:
    sha = "b" * 64
    world = World(service(models=keras("https://example.org/m", sha256=sha, format="SavedModel")))
    world.platform = replace(PLATFORM, trust=PlatformTrust(required=True, keys=("PEM",)))
    world.settle()
    told = document(containers(world)["acquire"])
    assert told["source"] == {
        "uri": "https://example.org/m",
        "digest": f"sha256:{sha}",
        "stated": True,
        "credentials": "",
        "format": "SavedModel",
    }
    assert told["trust"] == {"requireSignature": True, "publicKeys": ["PEM"]}
    assert told["output"]["uri"] == f"s3://models/default/svc/m/{told['run']}/"
    assert told == document(containers(world)["convert"]) == document(containers(world)["publish"])


def test_a_file_on_a_claim_is_mounted_where_it_is_brought() -> None:
    world = World(service(models=keras("pvc://shelf/m.h5")))
    world.settle()
    claims = {
        name: [mount for mount in item["volumeMounts"] if mount["name"] == "claim-shelf"]
        for name, item in containers(world).items()
    }
    assert claims["acquire"] == [
        {"name": "claim-shelf", "mountPath": "/mnt/claims/shelf", "readOnly": True}
    ]
    assert not claims["convert"]
    assert not claims["publish"]


@pytest.mark.parametrize(
    ("step", "reason"),
    [("acquire", "FormatMismatch"), ("convert", "UnsafeContent"), ("publish", "ModelInvalid")],
)
def test_whichever_program_fails_says_why(step: str, reason: str) -> None:
    world = World(service(models=keras()))
    world.settle()
    world.end_job(world.jobs()[0], container=step, code=42, reason=reason, message="So it is.")
    status = world.settle()
    assert world.condition("Ready") == ("False", reason)
    assert world.condition("Stalled") == ("True", reason)
    (entry,) = status["conversions"]
    assert entry["phase"] == "Failed"
    assert entry["message"] == (
        "The conversion of m failed: So it is. It waits for a changed spec."
    )
    world.now += 100 * RETRY_AFTER
    assert not world.change(), "what waits for a new spec is not tried again"


def test_programs_that_run_before_the_last_one_tell_how_far_they_are() -> None:
    world = World(service(models=keras()))
    world.settle()
    world.begin_job(world.jobs()[0], first="convert")
    (entry,) = world.settle()["conversions"]
    assert entry["phase"] == "Converting"
    uid = world.pods[0]["metadata"]["uid"]
    world.progress[uid] = {"phase": "Waiting", "reason": "SecretMissing", "message": "No Secret."}
    (entry,) = world.settle()["conversions"]
    assert (entry["phase"], entry["reason"]) == ("Waiting", "SecretMissing")
    assert world.condition("Ready") == ("False", "SecretMissing")


def test_a_stated_digest_is_of_the_file_and_not_of_what_was_made_of_it() -> None:
    world = World(service(models=keras(sha256="a" * 64)))
    world.settle()
    world.end_job(world.jobs()[0], container="publish", **RESULT)
    world.settle()
    (served,) = served_models(world)
    assert (served["digest"], served["stated"]) == (RESULT["digest"], False)


def test_what_heals_is_tried_again() -> None:
    world = World(service(models=keras()))
    world.settle()
    (job,) = world.jobs()
    world.end_job(
        job, container="acquire", code=43, reason="SecretMissing", message="-", heals=True
    )
    world.settle()
    world.now += RETRY_AFTER
    world.settle()
    assert world.writes.count(f"create Job/{job}") == 2


def test_another_file_is_converted_while_the_old_model_serves() -> None:
    world = World(service(models=keras()))
    world.settle()
    world.end_job(world.jobs()[0], container="publish", **RESULT)
    world.settle()
    world.run_pods()
    world.settle()
    world.edit(models=keras("s3://models/second.keras"))
    status = world.settle()
    assert status["version"] == "1"
    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Ready") == ("False", "Converting")
    (job,) = [name for name in world.jobs() if not world.children["Job", name].status]
    told = {**RESULT, "digest": f"sha256:{'e' * 64}"}
    world.end_job(job, container="publish", **told)
    world.settle()
    world.run_pods()
    assert world.settle()["version"] == "2"

    world.edit(models=keras())
    world.settle()
    world.run_pods()
    assert world.settle()["version"] == "1", "what was converted once is not converted again"
    assert len(world.versions) == 2


def test_a_file_that_cannot_be_converted_stalls_while_the_old_model_serves() -> None:
    world = World(service(models=keras()))
    world.settle()
    world.end_job(world.jobs()[0], container="publish", **RESULT)
    world.settle()
    world.run_pods()
    world.settle()
    world.edit(models=keras("s3://models/second.keras"))
    world.settle()
    (job,) = [name for name in world.jobs() if not world.children["Job", name].status]
    world.end_job(job, container="convert", code=42, reason="ConversionDiffers", message="No.")
    assert world.settle()["version"] == "1"
    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Ready") == ("False", "ConversionDiffers")
    assert world.condition("Stalled") == ("True", "ConversionDiffers")


def test_a_new_converter_converts_nothing_again() -> None:
    world = World(service(models=keras()))
    world.settle()
    world.end_job(world.jobs()[0], container="publish", **RESULT)
    world.settle()
    world.run_pods()
    world.settle()
    world.platform = replace(PLATFORM, images=replace(PLATFORM.images, converter="new:2"))
    assert not world.change()


def test_a_suspended_service_converts_nothing() -> None:
    world = World(service(models=keras(), suspend=True))
    world.settle()
    (job,) = world.jobs()
    assert world.children["Job", job].owned["spec"]["suspend"] is True


@pytest.mark.parametrize(
    "source",
    [
        {"uri": "s3://models/m.onnx", "format": "Keras"},
        {"uri": "s3://models/m.zip", "format": "SavedModel"},
        {"uri": "s3://models/m.KERAS"},
        {"uri": "oci://registry.example.com/m:1#model.h5"},
    ],
)
def test_the_format_or_the_name_asks_for_a_conversion(source: Manifest) -> None:
    world = World(service(models=[{"name": "m", "source": source}]))
    world.settle()
    (job,) = world.jobs()
    assert "-convert-" in job


def test_a_stated_format_wins_over_the_name() -> None:
    models = keras("s3://models/m.h5", format="ONNX", sha256="a" * 64)
    world = World(service(models=models))
    world.settle()
    assert not world.jobs()
