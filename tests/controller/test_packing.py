"""Packing: nothing is lost, equal objects are equal bytes, and alike objects take little room."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.controller.packing import Packer
from modelservice_operator.desired.plan import plan
from tests.world import PLATFORM, World, service

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), VALUES)


@given(st.lists(OBJECTS, min_size=1))
def test_what_is_packed_comes_back(objects: list[dict[str, Any]]) -> None:
    packer = Packer()
    for obj in objects:
        data = packer.pack("Kind", obj)
        assert packer.unpack("Kind", data) == obj
        assert packer.pack("Kind", json.loads(json.dumps(obj))) == data


def test_an_object_larger_than_the_window_comes_back() -> None:
    packer = Packer()
    large = {str(number): "x" * (number % 7) for number in range(20_000)}
    for obj in (large, {**large, "more": 1}, {"a": 1}):
        assert packer.unpack("Kind", packer.pack("Kind", obj)) == obj


def test_the_children_of_a_second_service_take_a_twentieth_of_their_json() -> None:
    """What memory at 5,000 services rests on."""
    packer = Packer()
    sizes = []
    for name in ("first", "second"):
        world = World(service())
        world.service["metadata"].update(name=name, uid=f"{name}-7d4c")
        children = plan(world.look(), platform=PLATFORM, now=world.now)
        sizes.append(sum(len(packer.pack(child.kind, child.manifest)) for child in children))
        whole = sum(len(json.dumps(child.manifest)) for child in children)
    assert sizes[1] < whole / 20
