"""Looking up a version, for whatever is published and granted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api import Model
from modelservice_operator.desired.lookup import Missing, look_up
from modelservice_operator.view import View
from tests.world import referring, version

OTHERS = "registry"
NAMES = st.sampled_from(["a", "b", "c"])
MODELS = st.sampled_from(["digits", "words"])
LABELS = st.fixed_dictionaries({}, optional={"stage": st.sampled_from(["test", "production"])})
METRICS = st.fixed_dictionaries(
    {}, optional={"accuracy": st.sampled_from(["0.9", "0.90", "1", "-2e1", "nan", "many", ""])}
)
SELECTORS = st.fixed_dictionaries(
    {"model": MODELS}, optional={"matchLabels": st.just({"stage": "production"})}
) | st.just({"matchLabels": {"stage": "production"}})
PICKS = st.sampled_from(
    [
        {"type": "Latest"},
        *(
            {"type": "Metric", "metric": {"name": "accuracy", "order": order}}
            for order in ("Highest", "Lowest")
        ),
    ]
)
REFERENCES = st.builds(lambda name: {"name": name}, NAMES) | st.builds(
    lambda selector, pick: {"selector": selector, "pick": pick}, SELECTORS, PICKS
)
TARGETS = (
    st.builds(lambda name: {"name": name}, NAMES)
    | st.builds(lambda selector: {"selector": selector}, SELECTORS)
    | st.just({"allVersions": True})
)
ORIGINS = st.sampled_from(
    [{"namespace": "default"}, {"namespace": "elsewhere"}, {"allNamespaces": True}]
)
GRANTS = st.lists(
    st.builds(
        lambda namespace, origin, to: {
            "metadata": {"name": "g", "namespace": namespace, "uid": "g"},
            "spec": {"from": [origin], "to": [to]},
        },
        st.sampled_from([OTHERS, "elsewhere"]),
        ORIGINS,
        TARGETS,
    ),
    max_size=3,
)


@st.composite
def published(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Versions of different names in the namespace of others."""
    names = draw(st.lists(NAMES, unique=True))
    return [
        version(
            name,
            draw(st.integers(1, 3)),
            namespace=OTHERS,
            model=draw(MODELS),
            labels=draw(LABELS),
            **draw(METRICS),
        )
        for name in names
    ]


def look(
    ref: dict[str, Any], versions: list[dict[str, Any]], grants: list[dict[str, Any]]
) -> dict[str, Any] | Missing:
    (model,) = referring(OTHERS, **ref)
    view = View(service=None, published=tuple(versions), grants=tuple(grants))
    return look_up(Model.model_validate(model), namespace="default", view=view)


def selected(selector: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a version is what a selector asks for, said again in other words."""
    labels = selector.get("matchLabels", {}).items()
    return found["spec"]["model"] == selector.get("model", found["spec"]["model"]) and (
        labels <= found["metadata"]["labels"].items()
    )


def allowed(found: dict[str, Any], grants: list[dict[str, Any]]) -> bool:
    targets = [
        to
        for grant in grants
        if grant["metadata"]["namespace"] == OTHERS
        for origin in grant["spec"]["from"]
        if origin in ({"namespace": "default"}, {"allNamespaces": True})
        for to in grant["spec"]["to"]
    ]
    return any(
        "allVersions" in to
        or to.get("name") == found["metadata"]["name"]
        or ("selector" in to and selected(to["selector"], found))
        for to in targets
    )


@given(REFERENCES, published(), GRANTS)
def test_only_what_is_granted_and_asked_for_is_found(
    ref: dict[str, Any], versions: list[dict[str, Any]], grants: list[dict[str, Any]]
) -> None:
    found = look(ref, versions, grants)
    if isinstance(found, Missing):
        return
    assert allowed(found, grants)
    assert found["metadata"]["name"] == ref.get("name", found["metadata"]["name"])
    assert selected(ref.get("selector", {}), found)


@given(REFERENCES, published(), GRANTS)
def test_what_is_not_granted_changes_no_answer(
    ref: dict[str, Any], versions: list[dict[str, Any]], grants: list[dict[str, Any]]
) -> None:
    shared = [found for found in versions if allowed(found, grants)]
    assert look(ref, versions, grants) == look(ref, shared, grants)


@given(REFERENCES, published(), GRANTS)
def test_the_order_of_what_is_there_does_not_matter(
    ref: dict[str, Any], versions: list[dict[str, Any]], grants: list[dict[str, Any]]
) -> None:
    assert look(ref, versions, grants) == look(ref, versions[::-1], grants[::-1])


@given(REFERENCES, published())
def test_all_that_is_asked_for_is_found_where_everything_is_granted(
    ref: dict[str, Any], versions: list[dict[str, Any]]
) -> None:
    everything = {
        "metadata": {"name": "g", "namespace": OTHERS, "uid": "g"},
        "spec": {"from": [{"allNamespaces": True}], "to": [{"allVersions": True}]},
    }
    found = look(ref, versions, [everything])
    wanted = [
        one
        for one in versions
        if one["metadata"]["name"] == ref.get("name", one["metadata"]["name"])
        and selected(ref.get("selector", {}), one)
    ]
    if ref.get("pick", {}).get("type") != "Metric":
        assert isinstance(found, Missing) == (not wanted)
    if isinstance(found, Missing):
        assert found.reason == "VersionMissing"
