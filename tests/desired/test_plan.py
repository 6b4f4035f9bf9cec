"""Whole plans as reviewed YAML: `pytest --update-golden` writes them anew after a wanted change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelservice_operator.desired.platform import PlatformTrust
from tests.golden.files import Golden
from tests.world import PLATFORM, SHA, World, grant, referring, service, trained, version

RESULT: dict[str, Any] = {
    "ok": True,
    "run": "r",
    "uri": "s3://models/default/svc/m/r/model.onnx",
    "digest": "sha256:" + "b" * 64,
    "size": 412331,
    "format": "ONNX",
    "inputs": [{"name": "image", "dataType": "FP32", "shape": [-1, 1, 28, 28]}],
    "outputs": [{"name": "scores", "dataType": "FP32", "shape": [-1, 10]}],
    "epochs": 5,
    "loss": "0.02",
    "metrics": {"accuracy": "0.98"},
    "dataset": {"uri": "s3://data/d.npz", "digest": "sha256:" + "c" * 64},
}


def source_of_known_bytes() -> World:
    return World(service())


def source_of_unknown_bytes() -> World:
    return World(service(models=[{"name": "m", "source": {"uri": "s3://models/m.onnx"}}]))


def source_on_a_web_server() -> World:
    source = {"uri": "https://example.com/m.onnx", "secretRef": {"name": "example-com"}}
    open_to_all = {"uri": "https://example.com/n.onnx"}
    models = [{"name": "m", "source": source}, {"name": "n", "source": open_to_all}]
    return World(service(models=models))


def source_on_a_claim() -> World:
    """Two models of one claim, which Triton may not see; its bytes are known, so nothing waits."""
    models = [
        {"name": name, "source": {"uri": f"pvc://my.models/{name}.onnx", "sha256": SHA}}
        for name in ("m", "n")
    ]
    return World(service(models=models))


def everything_stated() -> World:
    model = {
        "name": "m",
        "source": {
            "uri": "s3://models/m.onnx",
            "sha256": "a" * 64,
            "secretRef": {"name": "other.secret"},
        },
        "maxBatchSize": 32,
        "dynamicBatching": {"preferredBatchSizes": [8, 16], "maxQueueDelay": "500us"},
        "instances": [{"count": 2, "kind": "GPU"}],
        "inputs": [{"name": "x", "dataType": "FP32", "shape": [-1, 4]}],
    }
    return World(
        service(
            models=[model],
            gpu={"count": 2, "products": ["NVIDIA-H100-80GB-HBM3"]},
            serving={
                "replicas": 3,
                "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                "serviceAccountName": "runner",
                "priorityClassName": "high",
                "nodeSelector": {"pool": "gpu"},
                "tolerations": [{"key": "pool", "operator": "Exists"}],
                "imagePullSecrets": [{"name": "pull"}],
                "podLabels": {"team": "a"},
                "podAnnotations": {"note": "b"},
                "modelStorage": {"size": "40Gi"},
            },
            autoscaling={
                "minReplicas": 1,
                "maxReplicas": 5,
                "metrics": [{"type": "CPU", "cpu": {"targetUtilization": 60}}],
            },
        )
    )


def an_ensemble() -> World:
    known = {"uri": "s3://models/m.onnx", "sha256": "a" * 64}
    steps = [
        {"model": "pre", "inputs": {"x": "raw"}, "outputs": {"y": "clean"}},
        {"model": "cls", "inputs": {"x": "clean"}, "outputs": {"y": "scores"}},
    ]
    models = [
        {"name": "pre", "source": known},
        {"name": "cls", "source": known},
        {"name": "whole", "ensemble": {"steps": steps}},
    ]
    return World(service(models=models))


def a_sealed_model() -> World:
    """Signed for a name and encrypted, in a service and on a platform that ask for signatures."""
    model = {
        "name": "m",
        "source": {
            "uri": "s3://models/m.tar.zst.sealed",
            "sha256": "a" * 64,
            "encryption": {"secretRef": {"name": "m-key"}},
            "signature": {"name": "m-3"},
        },
    }
    trust = {"requireSignature": True, "publicKeys": {"secretRef": {"name": "model-signers"}}}
    world = World(service(models=[model], trust=trust))
    policy = PlatformTrust(required=True, keys=("-----BEGIN PUBLIC KEY-----",))
    world.platform = replace(world.platform, trust=policy)
    return world


def documents_that_are_pushed() -> World:
    world = World(service())
    world.platform = replace(world.platform, namespace="home", push_keys=("key-1", "key-2"))
    return world


def training_begins() -> World:
    return World(
        service(
            models=trained(
                optimizer={"name": "Adam", "learningRate": "0.001"},
                epochs=20,
                targetLoss="0.02",
                gpu={"count": 1},
            )
        )
    )


def training_has_ended() -> World:
    world = World(service(models=trained()))
    world.settle()
    world.end_job(world.jobs()[0], container="train", **RESULT)
    world.settle()
    return world


def a_file_of_keras() -> World:
    source = {"uri": "s3://models/m.keras", "sha256": SHA, "secretRef": {"name": "team"}}
    return World(service(models=[{"name": "m", "source": source}]))


def version_of_another_namespace() -> World:
    return World(
        service(models=referring("registry", selector={"model": "digits"})),
        published=[version("v3", 3, namespace="registry")],
        grants=[grant({"allVersions": True}, namespace="registry")],
    )


WORLDS: list[Callable[[], World]] = [
    source_of_known_bytes,
    source_of_unknown_bytes,
    source_on_a_web_server,
    source_on_a_claim,
    everything_stated,
    an_ensemble,
    a_sealed_model,
    documents_that_are_pushed,
    training_begins,
    training_has_ended,
    a_file_of_keras,
    version_of_another_namespace,
]


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
def test_the_children_of_a_service(make: Callable[[], World], golden: Golden) -> None:
    world = make()
    world.settle()
    children = [
        {"kind": kind, "name": name, **item.owned}
        for (kind, name), item in sorted(world.children.items())
    ]
    text = yaml.safe_dump_all([*children, *world.versions], sort_keys=True, width=100)
    golden.check(f"plans/{make.__name__}.yaml", text)


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
def test_a_settled_service_wants_no_write(make: Callable[[], World]) -> None:
    world = make()
    world.settle()
    world.run_pods()
    world.settle()
    assert not world.change()


def test_every_container_is_confined_and_asks_for_resources() -> None:
    for make in WORLDS:
        world = make()
        world.settle()
        for pod in _pod_specs(world):
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                security = container["securityContext"]
                assert security["readOnlyRootFilesystem"] is True
                assert security["capabilities"] == {"drop": ["ALL"]}
                assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_claim_is_mounted_to_be_read_and_only_where_it_is_read(sha256: str | None) -> None:
    source = {"uri": "pvc://my.models/m.onnx", **({"sha256": sha256} if sha256 else {})}
    world = World(service(models=[{"name": "m", "source": source}]))
    world.settle()
    (pod,) = _pod_specs(world)
    claims = [one for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert [one["persistentVolumeClaim"] for one in claims] == [
        {"claimName": "my.models", "readOnly": True}
    ]
    mounts = {
        container["name"]: mount
        for container in [*pod.get("initContainers", []), *pod["containers"]]
        for mount in container["volumeMounts"]
        if mount["name"] == claims[0]["name"]
    }
    readers = ("fetch", "agent") if sha256 else ("check",)
    expected = {"name": claims[0]["name"], "mountPath": "/mnt/claims/my.models", "readOnly": True}
    assert mounts == dict.fromkeys(readers, expected)


def test_nobody_else_can_aim_a_service_at_an_object_of_another_name() -> None:
    world = everything_stated()
    world.settle()
    plain = [kind for kind, name in world.children if name == "svc"]
    assert plain == ["Service"]


def test_new_platform_images_do_not_touch_what_runs() -> None:
    world = source_of_known_bytes()
    world.settle()
    world.run_pods()
    world.settle()
    images = type(PLATFORM.images)(
        agent="new:2", trainer="new:2", converter="new:2", triton="new:2"
    )
    world.platform = type(PLATFORM)(images=images)
    assert not world.change()


def _pod_specs(world: World) -> list[dict[str, Any]]:
    return [
        item.owned["spec"]["template"]["spec"]
        for (kind, _), item in world.children.items()
        if kind in {"Deployment", "Job"}
    ]
