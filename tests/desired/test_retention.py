"""Which versions a training deletes of what it made, and which never."""

from __future__ import annotations

from typing import Any

from tests.desired.test_plan import RESULT
from tests.world import World, service, trained, version


def taught(count: int, **training: Any) -> World:
    """A service that was trained so often; the last version serves."""
    world = World(service())
    for epochs in range(1, count + 1):
        world.edit(models=trained(**{"epochs": epochs, **training}))
        world.settle()
        name = next(name for name in world.jobs() if f"-train-{run(world)}" in name)
        world.end_job(name, container="train", **RESULT)
        world.settle()
        world.run_pods()
        world.used = {f"svc-m-{epochs}"}
        world.settle()
    return world


def run(world: World) -> str:
    (only,) = world.look().runs
    return only.hash


def kept(world: World) -> list[int]:
    world.settle()
    return sorted(int(item["spec"]["version"]) for item in world.versions)


def keep(world: World, count: int, *, epochs: int) -> None:
    world.edit(models=trained(epochs=epochs, retention={"keep": count}))


def test_without_a_word_all_are_kept() -> None:
    assert kept(taught(4)) == [1, 2, 3, 4]


def test_the_newest_are_kept() -> None:
    world = taught(4)
    keep(world, 2, epochs=4)
    assert kept(world) == [3, 4]
    assert world.writes[-2:] == ["delete ModelVersion/svc-m-2", "delete ModelVersion/svc-m-1"]
    assert not world.change()


def test_what_retention_says_trains_and_rolls_nothing() -> None:
    world = taught(1)
    before = world.jobs(), world.deployments()
    keep(world, 1, epochs=1)
    assert kept(world) == [1]
    assert (world.jobs(), world.deployments()) == before


def test_what_anybody_serves_is_kept() -> None:
    world = taught(4)
    world.used |= {"svc-m-1"}
    keep(world, 1, epochs=4)
    assert kept(world) == [1, 4]


def test_what_is_told_to_be_used_is_kept_until_it_is_not() -> None:
    """The harm: the API server refuses the deletion, and the service is told to be in trouble."""
    world = taught(2)
    world.versions[0]["status"] = {"usedBy": ["other/service"], "users": 1}
    keep(world, 1, epochs=2)
    assert kept(world) == [1, 2]
    world.versions[0]["status"] = {"users": 0}
    assert kept(world) == [2]


def test_the_version_of_the_current_spec_is_kept_though_it_is_old() -> None:
    """The harm: it would be trained again, deleted again, for ever."""
    world = taught(3)
    world.used = set()
    keep(world, 1, epochs=1)
    assert kept(world) == [1, 3]
    assert not world.change()


def test_while_a_new_one_is_trained_what_serves_is_kept() -> None:
    world = taught(2)
    world.used = set()
    keep(world, 1, epochs=9)
    assert kept(world) == [2]
    assert world.condition("Available") == ("True", "Serving")


def test_numbers_go_on() -> None:
    world = taught(3, retention={"keep": 1})
    assert kept(world) == [3]


def test_what_users_published_under_the_services_name_is_kept() -> None:
    world = taught(3)
    world.versions[:0] = [
        version("published", 0, model="m", labels={"modelservice.io/name": "svc"}),
        {**world.versions[0], "metadata": {**world.versions[0]["metadata"], "uid": "copy"}},
    ]
    world.versions[1]["metadata"]["labels"] = {"modelservice.io/name": "svc"}
    keep(world, 1, epochs=3)
    world.settle()
    assert [item["metadata"].get("uid") for item in world.versions] == [
        "uid-default-published",
        "copy",
        None,
    ]


def test_what_is_being_deleted_is_not_deleted_again() -> None:
    world = taught(2)
    world.versions[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    keep(world, 1, epochs=2)
    assert not world.change().deletes
