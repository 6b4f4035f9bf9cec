"""Documents that pods are pushed: which of two is newer, and who may push."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modelservice_operator.desired.sequence import order_of
from modelservice_operator.rollout.revisions import SEQUENCE_ANNOTATION
from tests.desired.test_reload import OTHER, THIRD, document, models, serving
from tests.world import SHA, World

KEYS = ("AAAA", "BBBB")


def reloading() -> World:
    """A service whose pods are told other models."""
    world = serving()
    world.edit(models=models())
    world.settle()
    return world


def test_what_pods_begin_with_has_no_sequence() -> None:
    """So that an upgrade of the operator writes nothing."""
    assert "sequence" not in document(serving())


def test_each_change_has_the_next_one() -> None:
    """The harm: back to the first models, and pods take their mount for the newer one."""
    world = serving()
    first = world.service["spec"]["models"]
    wanted = [models(), models(THIRD), first, models()]
    for number, chosen in enumerate(wanted, start=1):
        world.edit(models=chosen)
        world.settle()
        assert document(world)["sequence"] == number
        world.agents()
        world.settle()
        assert document(world)["sequence"] == number
        assert world.condition("Ready") == ("True", "Serving")


def test_each_change_amid_a_reload_has_the_next_one_too() -> None:
    world = serving()
    first = world.service["spec"]["models"]
    for number, chosen in enumerate([models(), models(THIRD), first], start=1):
        world.edit(models=chosen)
        world.settle()
        assert document(world)["sequence"] == number
    assert not world.change()


def test_pods_of_their_own_begin_anew() -> None:
    """A reload does not come about: pods that served before go back, and new ones come."""
    world = reloading()
    world.agents(count=0, phase="Failed", reason="LoadFailed", message="m: no memory")
    world.settle()
    told = {
        json.loads(item.owned["data"]["models.json"])["models"][0]["digest"]: json.loads(
            item.owned["data"]["models.json"]
        ).get("sequence")
        for (kind, _), item in world.children.items()
        if kind == "ConfigMap"
    }
    assert told == {f"sha256:{SHA}": 2, f"sha256:{OTHER}": None}


@pytest.mark.parametrize(
    "text", [None, "{}", "{", '{"sequence": "a"}', '{"sequence": true}', '{"sequence": -5}']
)
def test_a_config_map_that_somebody_spoilt_is_as_it_was(text: str | None) -> None:
    world = reloading()
    (found,) = (key for key in world.children if key[0] == "ConfigMap")
    before = world.children[found]
    if text is None:
        del world.children[found]
    else:
        owned = {**before.owned, "data": {"models.json": text}}
        world.children[found] = replace(before, owned=owned)
    world.now += 60
    world.settle()
    assert world.children[found].owned == before.owned


@pytest.mark.parametrize("back", [True, False])
def test_an_operator_that_ends_between_two_writes_does_not_use_one_twice(back: bool) -> None:
    """The harm: two documents of one sequence, and pods go from one to the other and back."""
    world = serving()
    first = world.service["spec"]["models"]
    deployment = next(item for item in world.children.items() if item[0][0] == "Deployment")
    world.edit(models=models())
    world.settle()
    assert document(world)["sequence"] == 1
    world.children[deployment[0]] = deployment[1]  # the ConfigMap was written, and it ended

    world.edit(models=first if back else models(THIRD))
    world.settle()
    assert document(world)["sequence"] == 2
    world.agents()
    world.settle()
    assert document(world)["sequence"] == 2
    assert not world.change()


@pytest.mark.parametrize("note", ["", "-1", "x", "9" * 40, "1.5"])
def test_a_note_that_somebody_spoilt_counts_as_nothing(note: str) -> None:
    world = serving()
    (found,) = (key for key in world.children if key[0] == "Deployment")
    item = world.children[found]
    meta = {**item.owned["metadata"], "annotations": {SEQUENCE_ANNOTATION: note}}
    world.children[found] = replace(item, owned={**item.owned, "metadata": meta})
    world.edit(models=models())
    world.settle()
    assert document(world)["sequence"] == 1


def test_it_stays_while_nothing_changes() -> None:
    world = reloading()
    before = document(world)
    world.now += 60
    world.agents()
    world.settle()
    world.edit(serving={"replicas": 3})
    world.settle()
    assert document(world) == before


def test_pods_are_told_what_they_mount_byte_for_byte() -> None:
    world = reloading()
    situation = world.look()
    order = order_of(situation.live, aim=situation.aim)
    assert order is not None
    (config,) = (item for (kind, _), item in world.children.items() if kind == "ConfigMap")
    assert order.document == config.owned["data"]["models.json"]
    told = json.loads(order.document)
    assert (told["revision"], told["models"][0]["digest"]) == (order.revision, f"sha256:{OTHER}")


def test_nobody_is_told_before_the_config_map_says_it() -> None:
    """The harm: pods are pushed the document of before, under a new signature."""
    world = serving()
    world.edit(models=models())
    before = document(world)
    situation = world.look()
    assert situation.aim is not None
    assert order_of(situation.live, aim=situation.aim) is None

    world.settle()
    (found,) = (key for key in world.children if key[0] == "ConfigMap")
    config = world.children[found]
    owned = {**config.owned, "data": {"models.json": json.dumps(before)}}
    world.children[found] = replace(config, owned=owned)
    situation = world.look()
    assert situation.reload is not None
    assert order_of(situation.live, aim=situation.aim) is None


def test_who_has_the_models_and_is_on_the_way_to_others_has_them_not() -> None:
    """The harm: back to the first models amid a reload; a pod that had just heard of the others is
    counted as done, and goes on to those that nobody wants."""
    world = serving()
    first = world.service["spec"]["models"]
    revision = world.look().aim
    world.edit(models=models())
    world.settle()
    other = world.look().aim
    for pod in world.pods:
        told: Any = {"revision": revision, "change": {"revision": other, "phase": "Loading"}}
        world.progress[pod["metadata"]["uid"]] = told

    world.edit(models=first)
    world.settle()
    reload = world.look().reload
    assert reload is not None
    assert len(reload.asked) == 2


def test_other_keys_change_no_pod() -> None:
    world = reloading()
    world.agents()
    world.settle()
    before = dict(world.children)
    world.writes.clear()
    world.platform = replace(world.platform, namespace="home", push_keys=KEYS)
    world.settle()

    changed = {key for key, item in world.children.items() if item != before.get(key)}
    assert {kind for kind, _ in changed} == {"ConfigMap", "NetworkPolicy"}
    (config,) = (item for (kind, _), item in world.children.items() if kind == "ConfigMap")
    assert json.loads(config.owned["data"]["push-keys.json"]) == {"keys": list(KEYS)}
    before_keys = before["ConfigMap", config.name].owned["data"]
    assert config.owned["data"]["models.json"] == before_keys["models.json"]

    world.platform = replace(world.platform, push_keys=KEYS[1:])
    world.writes.clear()
    world.settle()
    assert [line.split("/")[0] for line in world.writes] == ["apply ConfigMap"]


def test_without_keys_the_admin_port_stays_closed() -> None:
    def opened(world: World) -> list[int]:
        (policy,) = (item for (kind, _), item in world.children.items() if kind == "NetworkPolicy")
        return [port["port"] for rule in policy.owned["spec"]["ingress"] for port in rule["ports"]]

    world = serving()
    assert opened(world) == [8000, 8001, 8002]
    world.platform = replace(world.platform, namespace="home", push_keys=KEYS)
    world.settle()
    assert opened(world) == [8000, 8001, 8002, 8004]
