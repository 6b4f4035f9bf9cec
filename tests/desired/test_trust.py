"""Signatures in a service's life: who asks for them, what pods are told, and what status tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modelservice_operator.desired.platform import PlatformTrust
from tests.world import PLATFORM, World, referring, service, version

NO_POLICY = PlatformTrust()
POLICY = PlatformTrust(required=True, keys=("-----BEGIN PUBLIC KEY-----",))
SOURCE = {"uri": "s3://models/m.sealed"}
SIGNED: dict[str, Any] = {
    "name": "m",
    "version": 1,
    "digest": "sha256:" + "d" * 64,
    "signer": "team.pub sha256:0123456789abcdef",
    "verifiedAt": "2026-11-26T10:00:00Z",
}


def world(*, policy: PlatformTrust = NO_POLICY, **spec: Any) -> World:
    made = World(service(**{"models": [{"name": "m", "source": SOURCE}], **spec}))
    made.platform = replace(PLATFORM, trust=policy)
    return made


def documents(made: World) -> list[dict[str, Any]]:
    return [
        json.loads(item.owned["data"]["models.json"])
        for (kind, _), item in sorted(made.children.items())
        if kind == "ConfigMap"
    ]


def checked(made: World, **told: Any) -> dict[str, Any]:
    made.settle()
    made.end_job(made.jobs()[0], container="check", ok=True, models=[{**SIGNED, **told}])
    made.settle()
    made.run_pods()
    return made.settle()


def test_nobody_asks_and_nothing_is_said() -> None:
    made = world()
    status = checked(made, signer=None)
    assert made.condition("Trusted") == ("", "")
    assert "signer" not in status["models"][0]
    assert all("trust" not in document for document in documents(made))


@pytest.mark.parametrize(
    "asking",
    [
        {"policy": POLICY},
        {"trust": {"requireSignature": True}},
        {"models": [{"name": "m", "source": {**SOURCE, "signature": {}}}]},
    ],
    ids=["the platform", "the service", "the model"],
)
def test_who_signed_is_told(asking: dict[str, Any]) -> None:
    made = world(**asking)
    made.settle()
    assert made.condition("Trusted") == ("False", "NotVerified")
    (model,) = checked(made)["models"]
    assert made.condition("Trusted") == ("True", "Verified")
    assert (model["signer"], model["verifiedAt"]) == (SIGNED["signer"], SIGNED["verifiedAt"])


def test_a_model_of_known_bytes_is_told_by_its_pods() -> None:
    source = {**SOURCE, "sha256": "d" * 64}
    made = world(policy=POLICY, models=[{"name": "m", "source": source}])
    made.settle()
    made.run_pods()
    made.settle()
    assert made.condition("Trusted") == ("False", "NotVerified")
    told = {"ok": True, "models": [SIGNED]}
    ended = {"terminated": {"exitCode": 0, "message": json.dumps(told)}}
    made.pods[0]["status"]["initContainerStatuses"] = [{"name": "fetch", "state": ended}]
    assert made.settle()["models"][0]["signer"] == SIGNED["signer"]
    assert made.condition("Trusted") == ("True", "Verified")


def test_signed_bytes_that_are_known_are_checked_before_they_follow_what_serves() -> None:
    """Who signed them is then in the record, where pods reload and tell it nowhere."""
    made = world(policy=POLICY, models=[{"name": "m", "source": {**SOURCE, "sha256": "c" * 64}}])
    made.settle()
    made.run_pods()
    made.settle()
    (before,) = made.deployments()
    made.edit(models=[{"name": "m", "source": {**SOURCE, "sha256": "d" * 64}}])
    made.settle()
    assert list(made.deployments()) == [before]
    (model,) = checked(made)["models"]
    assert model["signer"] == SIGNED["signer"]
    assert made.condition("Trusted") == ("True", "Verified")
    assert made.jobs() == []


def test_a_wrong_signature_is_a_reason_and_what_serves_goes_on() -> None:
    made = world(trust={"requireSignature": True})
    checked(made)
    made.edit(models=[{"name": "m", "source": {"uri": "s3://models/n.sealed"}}])
    made.settle()
    made.end_job(
        made.jobs()[0], container="check", code=42, reason="FileAltered", message="No.", heals=False
    )
    made.settle()
    assert made.condition("Trusted") == ("False", "FileAltered")
    assert made.condition("Stalled") == ("True", "FileAltered")
    assert made.condition("Available") == ("True", "Serving")


def test_trust_and_seals_make_another_revision() -> None:
    """A model is verified anew when the service asks for more."""
    names = set()
    for spec in (
        {},
        {"trust": {"requireSignature": True}},
        {"trust": {"publicKeys": {"secretRef": {"name": "a"}}}},
        {"models": [{"name": "m", "source": {**SOURCE, "signature": {}}}]},
        {"models": [{"name": "m", "source": {**SOURCE, "signature": {"name": "m-3"}}}]},
        {
            "models": [
                {"name": "m", "source": {**SOURCE, "encryption": {"secretRef": {"name": "k"}}}}
            ]
        },
    ):
        made = world(**spec)
        checked(made)
        names |= made.deployments().keys()
    assert len(names) == 6


def test_asking_for_nothing_is_as_if_left_out() -> None:
    plain, empty = world(), world(trust={"requireSignature": False})
    checked(plain)
    checked(empty)
    assert plain.deployments() == empty.deployments()


def test_the_policy_of_today_reaches_the_pods_of_old_revisions_without_a_restart() -> None:
    made = world()
    checked(made, signer=None)
    deployments = made.deployments()
    made.writes.clear()
    made.platform = replace(PLATFORM, trust=POLICY)
    made.settle()
    assert [one["trust"] for one in documents(made)] == [
        {"requireSignature": True, "publicKeys": list(POLICY.keys)}
    ]
    assert made.deployments() == deployments
    assert made.condition("Trusted") == ("False", "NotVerified")
    assert made.condition("Ready") == ("True", "Serving")
    made.platform = PLATFORM
    made.settle()
    assert all("trust" not in one for one in documents(made))


def test_a_namespace_writes_nothing_over_the_policy() -> None:
    made = world(policy=POLICY, trust={"requireSignature": False})
    made.settle()
    (document,) = documents(made)
    assert document["trust"] == {"requireSignature": True, "publicKeys": list(POLICY.keys)}
    assert "trust" not in document["models"][0]


def test_only_what_brings_models_is_given_the_keys() -> None:
    source = {**SOURCE, "encryption": {"secretRef": {"name": "m-key"}}}
    trust = {"publicKeys": {"secretRef": {"name": "model-signers"}}}
    made = world(models=[{"name": "m", "source": source}], trust=trust)
    made.settle()
    (check,) = [item for (kind, _), item in made.children.items() if kind == "Job"]
    checked(made)
    (deployment,) = [item for (kind, _), item in made.children.items() if kind == "Deployment"]
    for item, bringing in ((check, {"check"}), (deployment, {"fetch", "agent"})):
        pod = item.owned["spec"]["template"]["spec"]
        volumes = {one["name"]: one.get("secret") for one in pod["volumes"]}
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            mounts = {one["name"]: one for one in container["volumeMounts"] if volumes[one["name"]]}
            secrets = {volumes[name]["secretName"] for name in mounts}
            wanted = {"m-key", "model-signers", "modelservice-storage"}
            assert secrets == (wanted if container["name"] in bringing else set())
            assert all(one["readOnly"] for one in mounts.values())
        assert all(secret["optional"] for secret in volumes.values() if secret)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({}, True),
        ({"signer": ""}, False),
        ({"signer": "a\nb"}, False),
        ({"signer": "a" * 254}, False),
        ({"signer": 7}, False),
        ({"verifiedAt": "yesterday"}, True),
    ],
)
def test_what_a_pod_says_of_a_signer_is_taken_with_care(told: dict[str, Any], kept: bool) -> None:
    made = world(policy=POLICY)
    status = checked(made, **told)
    assert ("signer" in status["models"][0]) is kept
    if "verifiedAt" in told:
        assert "verifiedAt" not in status["models"][0]


def test_a_version_of_the_registry_says_how_it_is_sealed() -> None:
    published = version("digits-3", 3)
    published["spec"]["artifact"] |= {
        "encryption": {"secretRef": {"name": "m-key"}},
        "signature": {"name": "digits-3"},
    }
    made = World(service(models=referring(name="digits-3")), published=[published])
    made.settle()
    (document,) = documents(made)
    (model,) = document["models"]
    assert model["encryption"] == {"key": "/etc/modelservice/credentials/m-key/key"}
    assert model["signature"] == {"name": "digits-3"}
    assert made.condition("Trusted") == ("False", "NotVerified")


def test_what_a_service_asks_holds_for_versions_too() -> None:
    trust = {"requireSignature": True}
    made = World(
        service(models=referring(name="digits-3"), trust=trust), published=[version("digits-3", 3)]
    )
    made.settle()
    (document,) = documents(made)
    assert document["models"][0]["trust"] == trust
