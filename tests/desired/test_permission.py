"""Labels and annotations of pods are the platform's to permit.

A user who may create ModelServices and no pods could else receive the requests of somebody's
Service, or have a sidecar injector run an image of the user's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelservice_operator.api import InvalidSpec, parse_service
from modelservice_operator.desired import permission
from tests.world import PLATFORM, service


def refusal(serving: dict[str, Any], *, labels: tuple[str, ...] = (), notes: Any = ()) -> str:
    """What the user reads; empty where everything is permitted."""
    platform = replace(PLATFORM, allowed_pod_labels=labels, allowed_pod_annotations=notes)
    try:
        permission.require(parse_service(service(serving=serving)).spec, platform=platform)
    except InvalidSpec as error:
        return str(error)
    return ""


LABELS = {"podLabels": {"app": "payments"}}
NOTES = {"podAnnotations": {"sidecar.istio.io/proxyImage": "evil"}}


def test_nothing_is_permitted_unasked() -> None:
    assert refusal({}) == ""
    assert refusal({"podLabels": {}, "podAnnotations": {}}) == ""
    assert refusal(LABELS) == (
        "spec.serving.podLabels[app]: is not among the platform's security.allowedPodLabels: "
        "leave it out, or ask the platform's team to permit it"
    )
    assert "security.allowedPodAnnotations" in refusal(NOTES)
    assert "evil" not in refusal(NOTES)


def test_one_setting_says_nothing_of_the_other() -> None:
    assert refusal(LABELS, notes=("*",)) != ""
    assert refusal(NOTES, labels=("*",)) != ""


@pytest.mark.parametrize(
    ("pattern", "key", "permitted"),
    [
        ("*", "app", True),
        ("app", "app", True),
        ("app", "apps", False),
        ("app", "example.com/app", False),
        ("example.com/*", "example.com/app", True),
        ("example.com/*", "example.com.evil/app", False),
        ("example.com/*", "sub.example.com/app", False),
        ("example.com/*", "app", False),
        ("exa*", "example", False),
    ],
)
def test_a_pattern_permits_a_key_a_prefix_or_all(pattern: str, key: str, permitted: bool) -> None:
    assert (refusal({"podLabels": {key: "x"}}, labels=(pattern,)) == "") is permitted


@pytest.mark.parametrize(("permitted", "problems"), [(False, 1), (True, 0)])
def test_code_of_the_users_own_is_the_platforms_to_permit(permitted: bool, problems: int) -> None:
    """Beside models of other formats, each named by its place."""
    source = {"uri": "s3://models/m"}
    models = [
        {"name": "a", "source": {**source, "format": "ONNX"}},
        {"name": "b", "source": {**source, "format": "Python"}},
    ]
    platform = replace(PLATFORM, allow_python_models=permitted)
    try:
        permission.require(parse_service(service(models=models)).spec, platform=platform)
        told = ""
    except InvalidSpec as error:
        told = str(error)
    assert told.count("spec.models[1].source.format: is not permitted by the platform") == problems
    assert "models[0]" not in told


def test_every_key_has_to_be_permitted() -> None:
    both = {"podLabels": {"team": "ml", "app": "payments"}}
    assert "[app]" in refusal(both, labels=("team",))
    assert "[team]" not in refusal(both, labels=("team",))
