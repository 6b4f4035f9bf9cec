"""Triton's command line grows only where a spec asks for what needs a flag: a template is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import SHA, World, service

CACHED = {"responseCache": {"enable": True}}
LIMITED = {"instances": [{"rateLimiter": {"priority": 2}}]}


def triton(serving: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    """The Triton container of a service of one model."""
    source = {"uri": "s3://models/m.onnx", "sha256": SHA}
    models = [{"name": "m", "source": source, **model}]
    world = World(service(models=models, serving={"replicas": 1, **(serving or {})}))
    world.settle()
    (deployment,) = [item for (kind, _), item in world.children.items() if kind == "Deployment"]
    (container,) = deployment.owned["spec"]["template"]["spec"]["containers"]
    return dict(container)


def flags(container: dict[str, Any]) -> list[str]:
    return [one for one in container["args"] if one.startswith(("--cache", "--rate"))]


@pytest.mark.parametrize(
    ("model", "serving", "expected"),
    [
        ({}, {}, []),
        ({"responseCache": {"enable": False}}, {"responseCacheSize": "1Gi"}, []),
        (CACHED, {}, ["--cache-config=local,size=67108864"]),
        (CACHED, {"responseCacheSize": "1Gi"}, ["--cache-config=local,size=1073741824"]),
        ({"instances": [{"count": 2}]}, {}, []),
        (LIMITED, {}, ["--rate-limit=execution_count"]),
    ],
)
def test_a_flag_stands_where_it_is_needed(
    model: dict[str, Any], serving: dict[str, Any], expected: list[str]
) -> None:
    assert flags(triton(serving, **model)) == expected


def test_the_cache_counts_beside_what_the_models_may_use() -> None:
    resources = {"limits": {"memory": "1Gi"}}
    plain = triton({"resources": resources})
    cached = triton({"resources": resources, "responseCacheSize": "512Mi"}, **CACHED)
    assert plain["resources"]["limits"]["memory"] == "1280Mi"
    assert cached["resources"]["limits"]["memory"] == "1792Mi"
