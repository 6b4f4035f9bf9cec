"""What a replica is started with: flags, environment, and the platform file with its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice_operator.desired.platform import (
    Images,
    Platform,
    PlatformTrust,
    Storage,
    Triton,
)
from modelservice_operator.kube.lease import Timings
from modelservice_operator.settings import (
    CONTAINERS,
    SettingsError,
    load_platform,
    parse,
    platform,
)

PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----\n"
PRIVATE = PEM.replace("PUBLIC", "PRIVATE")
MINIMAL: dict[str, Any] = {
    "images": {"agent": "a:1", "trainer": "t:1", "converter": "c:1", "triton": "s:1"}
}


def test_defaults_are_those_of_the_chart() -> None:
    settings = parse([], environment={})

    assert settings.namespace == "modelservice-system"
    assert settings.lease_name == "modelservice-operator"
    assert (settings.health_port, settings.metrics_port) == (8080, 9090)
    assert settings.platform_file == Path("/etc/modelservice/platform.yaml")
    assert settings.leader_elect
    assert settings.log_format == "json"
    assert settings.resync_period == 600
    assert settings.lease_timings == Timings()


def test_times_are_given_in_seconds() -> None:
    flags = ["--lease-duration=3", "--lease-renew=2", "--lease-retry=0.5", "--resync-period=1.5"]

    settings = parse(flags, environment={})

    assert settings.lease_timings == Timings(duration=3.0, renew=2.0, retry=0.5)
    assert settings.resync_period == 1.5


def test_a_flag_counts_more_than_its_variable() -> None:
    environment = {"MODELSERVICE_NAMESPACE": "from-env", "MODELSERVICE_WORKERS": "7"}

    settings = parse(["--namespace", "from-flag"], environment=environment)

    assert settings.namespace == "from-flag"
    assert settings.workers == 7


def test_two_starts_in_one_pod_are_two_identities() -> None:
    assert parse([], environment={}).identity != parse([], environment={}).identity


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0"],
        ["--workers", "many"],
        ["--health-port", "70000"],
        ["--log-level", "loud"],
        ["--resync-period", "0"],
        ["--resync-period", "nan"],
        ["--resync-period", "100000"],
        ["--lease-duration", "8"],
        ["--lease-renew", "2"],
        ["--unknown"],
    ],
)
def test_wrong_flags_end_the_start(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments, environment={})
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_what_a_platform_leaves_out_has_its_default() -> None:
    assert platform(MINIMAL) == Platform(
        images=Images(agent="a:1", trainer="t:1", converter="c:1", triton="s:1"),
        resources={name: {} for name in CONTAINERS},
    )


def test_a_whole_platform_is_read() -> None:
    document = MINIMAL | {
        "imagePullPolicy": "Never",
        "imagePullSecrets": ["pull"],
        "triton": {"backends": ["python"], "gpu": False},
        "storage": {
            "uri": "s3://other/",
            "endpoint": "http://s3",
            "region": "eu-1",
            "huggingFaceEndpoint": "https://hub",
            "secretName": "secret",
        },
        "security": {
            "allowedNetworks": ["10.0.0.0/8"],
            "allowedPodLabels": ["team"],
            "allowedPodAnnotations": ["example.com/*"],
            "allowPythonModels": True,
            "trust": {"requireSignature": True, "publicKeys": [PEM]},
        },
        "resources": {"agent": {"requests": {"cpu": "50m"}, "limits": {"memory": "1Gi"}}},
    }

    found = platform(document)

    assert found.triton == Triton(backends=("python",), gpu=False)
    assert found.storage == Storage(
        uri="s3://other/",
        endpoint="http://s3",
        region="eu-1",
        hugging_face_endpoint="https://hub",
        secret_name="secret",
    )
    assert found.allowed_networks == ("10.0.0.0/8",)
    assert found.allowed_pod_labels == ("team",)
    assert found.allowed_pod_annotations == ("example.com/*",)
    assert found.allow_python_models
    assert found.trust == PlatformTrust(required=True, keys=(PEM,))
    assert found.image_pull_secrets == ("pull",)
    assert found.image_pull_policy == "Never"
    assert found.resources["agent"] == {"requests": {"cpu": "50m"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": {"agent": "a"}}, "images.trainer must be a text"),
        ({"images": MINIMAL["images"] | {"agent": ""}}, "images.agent must be a text"),
        ({"images": MINIMAL["images"] | {"agnet": "x"}}, "unknown: images.agnet"),
        ({"triton": []}, "triton must be a mapping"),
        ({"triton": {"gpu": "yes"}}, "triton.gpu must be true or false"),
        ({"triton": {"backends": "python"}}, "triton.backends must be a list of texts"),
        ({"security": {"allowedNetworks": [1]}}, "security.allowedNetworks must be a list"),
        ({"security": {"allowPythonModels": "yes"}}, "allowPythonModels must be true or false"),
        ({"security": {"trust": {"requireSignature": True}}}, "needs security.trust.publicKeys"),
        (
            {"security": {"trust": {"requireSignature": "no"}}},
            "security.trust.requireSignature must",
        ),
        ({"security": {"trust": {"publicKeys": ["ssh-ed25519 AAAA"]}}}, "must be PUBLIC KEYs"),
        ({"security": {"trust": {"publicKeys": [PRIVATE]}}}, "must be PUBLIC KEYs"),
        ({"security": {"trust": {"publicKeys": [PEM + PEM]}}}, "one each"),
        ({"security": {"trust": {"publicKeys": [PEM] * 17}}}, "may hold 16"),
        ({"security": {"trust": {"required": True}}}, "unknown: security.trust.required"),
        ({"resources": {"agent": {"request": {}}}}, "unknown: resources.agent.request"),
        ({"resources": {"pod": {}}}, "unknown: resources.pod"),
        ({"colour": "red"}, "unknown: colour"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace("[", "\\[")):
        platform(MINIMAL | change)


@pytest.mark.parametrize("document", [[], "text", 3])
def test_a_platform_is_a_mapping(document: Any) -> None:
    with pytest.raises(SettingsError, match="the document must be a mapping"):
        platform(document)


def test_a_file_is_named_with_its_trouble(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    with pytest.raises(SettingsError, match=r"platform\.yaml: No such file"):
        load_platform(path)
    path.write_text("images: [")
    with pytest.raises(SettingsError, match=r"platform\.yaml is not YAML"):
        load_platform(path)
    path.write_text("colour: red")
    with pytest.raises(SettingsError, match=r"platform\.yaml: images.agent"):
        load_platform(path)
    path.write_text(yaml.safe_dump(MINIMAL))
    assert load_platform(path).images.agent == "a:1"
