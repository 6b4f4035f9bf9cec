"""The status tells how far a check's download is, while it is under way and not a moment longer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World, service

TOLD = {
    "phase": "Loading",
    "bytes": 3 * 2**30,
    "totalBytes": 5 * 2**30,
    "bytesPerSecond": 2**27,
    "etaSeconds": 16,
}


def checking(told: dict[str, Any]) -> World:
    """A check whose pod runs and tells this."""
    world = World(service(models=[{"name": "m", "source": {"uri": "https://example.com/m"}}]))
    world.settle()
    world.find_no_node("")
    (pod,) = world.pods
    pod["status"] = {"phase": "Running"}
    world.progress[pod["metadata"]["uid"]] = told
    return world


def test_a_download_is_told_in_bytes_and_time() -> None:
    world = checking(TOLD)
    assert world.settle()["download"] == {
        "bytes": 3 * 2**30,
        "totalBytes": 5 * 2**30,
        "bytesPerSecond": 2**27,
        "eta": "16s",
    }
    assert world.condition("Ready") == ("False", "Checking")
    world.pods.clear()
    seen = {"name": "m", "digest": "sha256:" + "d" * 64}
    world.end_job(world.jobs()[0], container="check", ok=True, models=[seen])
    assert "download" not in world.settle()


@pytest.mark.parametrize(
    "told",
    [
        {"phase": "Loading"},
        {**TOLD, "bytes": "3"},
        {**TOLD, "totalBytes": None},
        {**TOLD, "bytes": TOLD["totalBytes"]},
    ],
)
def test_nothing_is_told_of_what_is_not_under_way(told: dict[str, Any]) -> None:
    assert "download" not in checking(told).settle()
