"""A service that takes its model from the registry: which version, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World, grant, referring, service, version

OTHER = "team-a"
BY_MODEL: dict[str, Any] = {"selector": {"model": "digits"}}
HIGHEST = {"type": "Metric", "metric": {"name": "accuracy", "order": "Highest"}}
LOWEST = {"type": "Metric", "metric": {"name": "loss", "order": "Lowest"}}
PRODUCTION = {"stage": "production"}


def world(*published: dict[str, Any], namespace: str = "", **ref: Any) -> World:
    return World(service(models=referring(namespace, **ref)), published=list(published))


def served(world: World) -> str:
    """The name of the version that the pods of the settled service serve."""
    world.settle()
    world.run_pods()
    (model,) = world.settle()["models"]
    return str(model["versionRef"]["name"])


@pytest.mark.parametrize(
    ("ref", "chosen"),
    [
        ({"name": "v2"}, "v2"),
        (BY_MODEL, "v10"),
        ({"selector": {"matchLabels": PRODUCTION}}, "v2"),
        ({"selector": {"model": "digits", "matchLabels": PRODUCTION}}, "v2"),
        ({**BY_MODEL, "pick": {"type": "Latest"}}, "v10"),
        ({**BY_MODEL, "pick": HIGHEST}, "v2"),
        ({**BY_MODEL, "pick": LOWEST}, "v9"),
        ({"selector": {"model": "other"}}, "other"),
    ],
)
def test_a_reference_finds_its_version(ref: dict[str, Any], chosen: str) -> None:
    published = (
        version("v2", 2, labels=PRODUCTION, accuracy="0.99", loss="0.5"),
        version("v9", 9, accuracy="0.9", loss="-1e-3"),
        version("v10", 10, accuracy="nan", loss="none"),
        version("other", 99, model="other", accuracy="1"),
    )
    assert served(world(*published, **ref)) == chosen


def test_of_equal_ones_the_latest_is_served_and_then_the_newest() -> None:
    published = [version("a", 1, accuracy="0.9"), version("b", 2, accuracy="0.90")]
    assert served(world(*published, **BY_MODEL, pick=HIGHEST)) == "b"
    again = version("again", 2)
    again["metadata"]["creationTimestamp"] = "2099-01-01T00:00:00Z"
    assert served(world(again, version("b", 2), **BY_MODEL)) == "again"


def test_what_is_served_is_what_the_version_says() -> None:
    known = version("v3", 3)
    known["spec"]["inputs"] = [{"name": "image", "dataType": "FP32", "shape": [-1, 4]}]
    site = world(known, name="v3")
    site.settle()
    site.run_pods()
    (model,) = site.settle()["models"]
    assert model["version"] == 3
    assert model["digest"] == known["spec"]["artifact"]["digest"]
    assert model["inputs"] == known["spec"]["inputs"]
    assert model["versionRef"] == {"namespace": "default", "name": "v3"}
    assert site.condition("Ready") == ("True", "Serving")


def test_a_service_moves_to_a_newer_version_by_itself() -> None:
    site = world(version("v1", 1), **BY_MODEL)
    assert served(site) == "v1"
    site.published.append(version("v2", 2))
    site.settle()
    assert len(site.deployments()) == 2, "the old one serves until the new one is ready"
    assert served(site) == "v2"
    assert not site.change()


def test_a_missing_version_is_waited_for() -> None:
    site = world(name="v1")
    site.settle()
    assert site.deployments() == {}
    assert site.condition("Ready") == ("False", "VersionMissing")
    assert site.condition("Reconciling") == ("True", "VersionMissing")
    assert site.condition("Stalled") == ("", "")
    site.published.append(version("v1", 1))
    assert served(site) == "v1"
    assert site.condition("Ready") == ("True", "Serving")


@pytest.mark.parametrize("deleting", [True, False])
def test_a_version_that_goes_leaves_what_serves(deleting: bool) -> None:
    site = world(version("v1", 1), name="v1")
    served(site)
    if deleting:
        site.published[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    else:
        site.published.clear()
    assert not site.change()
    site.settle()
    assert site.condition("Ready") == ("False", "VersionMissing")
    assert site.condition("Available") == ("True", "Serving")
    site.edit(serving={"replicas": 3})
    site.settle()
    assert list(site.deployments().values()) == [3], "it can still be scaled"


def test_no_metric_is_no_version() -> None:
    site = world(version("v1", 1), **BY_MODEL, pick=HIGHEST)
    site.settle()
    ready = next(item for item in site.settle()["conditions"] if item["type"] == "Ready")
    assert ready["reason"] == "VersionMissing"
    assert "the metric accuracy" in ready["message"]


def test_a_secret_is_the_services_own() -> None:
    site = world(version("v1", 1), name="v1", secretRef={"name": "shared"})
    site.settle()
    (template,) = [
        item.owned["spec"]["template"]["spec"]
        for (kind, _), item in site.children.items()
        if kind == "Deployment"
    ]
    secrets = [one["secret"]["secretName"] for one in template["volumes"] if "secret" in one]
    assert secrets == ["shared"]


def test_a_revisions_record_that_is_lost_still_names_the_version() -> None:
    """The harm: a version that is served would be told to be unused, and could be deleted."""
    site = world(version("v1", 1), name="v1")
    served(site)
    (record,) = [name for kind, name in site.children if kind == "ControllerRevision"]
    del site.children["ControllerRevision", record]
    site.settle()
    (model,) = site.children["ControllerRevision", record].owned["data"]["models"]
    assert model["versionRef"] == {"namespace": "default", "name": "v1"}


# ---- from another namespace

NAMED = {"name": "v1"}
ALL = {"allVersions": True}
SELECTED = {"selector": {"matchLabels": PRODUCTION}}


@pytest.mark.parametrize(
    ("grants", "ref", "reason"),
    [
        ([grant(NAMED, namespace=OTHER)], {"name": "v1"}, ""),
        ([grant(ALL, namespace=OTHER)], {"name": "v1"}, ""),
        ([grant(SELECTED, namespace=OTHER)], {"name": "v1"}, ""),
        ([grant({"selector": {"model": "digits"}}, namespace=OTHER)], BY_MODEL, ""),
        ([], {"name": "v1"}, "NotGranted"),
        ([grant({"name": "v2"}, namespace=OTHER)], {"name": "v1"}, "NotGranted"),
        ([grant({"selector": {"model": "x"}}, namespace=OTHER)], {"name": "v1"}, "NotGranted"),
        ([grant(ALL, namespace="team-b")], {"name": "v1"}, "NotGranted"),
        ([grant({"selector": {"model": "x"}}, namespace=OTHER)], BY_MODEL, "VersionMissing"),
        ([grant({"surprise": True}, namespace=OTHER)], {"name": "v1"}, "NotGranted"),
    ],
)
def test_only_what_is_granted_is_served(
    grants: list[dict[str, Any]], ref: dict[str, Any], reason: str
) -> None:
    site = world(version("v1", 1, namespace=OTHER, labels=PRODUCTION), namespace=OTHER, **ref)
    site.grants = grants
    site.settle()
    assert bool(site.deployments()) == (reason == "")
    if reason:
        assert site.condition("Ready") == ("False", reason)


@pytest.mark.parametrize(("origin", "allowed"), [("default", True), ("elsewhere", False)])
def test_a_grant_is_for_the_namespaces_that_it_names(origin: str, allowed: bool) -> None:
    site = world(version("v1", 1, namespace=OTHER), namespace=OTHER, name="v1")
    site.grants = [grant(ALL, namespace=OTHER)]
    site.grants[0]["spec"]["from"] = [{"namespace": origin}]
    site.settle()
    assert bool(site.deployments()) == allowed


def test_of_versions_only_the_granted_ones_are_picked_from() -> None:
    published = (
        version("v1", 1, namespace=OTHER, labels=PRODUCTION),
        version("v2", 2, namespace=OTHER),
    )
    site = world(*published, namespace=OTHER, **BY_MODEL)
    site.grants = [grant(SELECTED, namespace=OTHER)]
    assert served(site) == "v1"


@pytest.mark.parametrize("grants", [[], [grant(SELECTED, namespace=OTHER)]])
@pytest.mark.parametrize("ref", [{"name": "v1"}, BY_MODEL])
def test_nobody_learns_what_is_not_granted(
    grants: list[dict[str, Any]], ref: dict[str, Any]
) -> None:
    """The harm: the names, or the very existence, of another team's models could be tried out."""
    told = []
    for published in ([], [version("v1", 1, namespace=OTHER)]):
        site = world(*published, namespace=OTHER, **ref)
        site.grants = grants
        told.append(site.settle())
    assert told[0] == told[1]


def test_a_grant_that_is_taken_back_stops_no_pod_and_no_scaling() -> None:
    site = world(version("v1", 1, namespace=OTHER), namespace=OTHER, **BY_MODEL)
    site.grants = [grant(ALL, namespace=OTHER)]
    assert served(site) == "v1"
    site.grants.clear()
    site.published.append(version("v2", 2, namespace=OTHER))
    assert not site.change()
    site.edit(serving={"replicas": 2})
    site.settle()
    assert list(site.deployments().values()) == [2]
    assert site.condition("Ready") == ("False", "NotGranted")
    assert site.condition("Available") == ("True", "Serving")
