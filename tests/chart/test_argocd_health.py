"""The Argo CD health script, run by the Lua version that Argo CD runs (5.1)."""

from __future__ import annotations

from typing import Any

import pytest
from lupa.lua51 import LuaRuntime

from e2e.chart import CHART, ROOT

SCRIPT = ROOT / "docs" / "argocd" / "health.lua"


def health(obj: dict[str, Any]) -> dict[str, str]:
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return dict(lua.execute(SCRIPT.read_text()))


def service(*conditions: tuple[str, str, str], observed: int = 2, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "ModelService",
        "metadata": {"name": "digits", "generation": 2},
        "spec": spec,
        "status": {
            "observedGeneration": observed,
            "conditions": [
                {"type": type_, "status": value, "reason": reason, "message": "Said so."}
                for type_, value, reason in conditions
            ],
        },
    }


READY = ("Ready", "True", "AsSpecified")
NOT_READY = ("Ready", "False", "Loading")


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (service(READY), ("Healthy", "AsSpecified: Said so.")),
        (service(NOT_READY), ("Progressing", "Loading: Said so.")),
        (
            service(NOT_READY, ("Reconciling", "True", "Rollout")),
            ("Progressing", "Loading: Said so."),
        ),
        (
            service(
                ("Stalled", "True", "TensorMismatch"), ("Available", "True", "Serving"), NOT_READY
            ),
            ("Degraded", "TensorMismatch: Said so."),
        ),
        (
            service(READY, observed=1),
            ("Progressing", "Waiting for the operator to see this generation"),
        ),
        (
            service(("Ready", "True", "Suspended"), suspend=True),
            ("Suspended", "Suspended: Said so."),
        ),
        (
            service(("Stalled", "True", "InvalidSpec"), suspend=True),
            ("Degraded", "InvalidSpec: Said so."),
        ),
        (service(), ("Progressing", "")),
    ],
)
def test_service(obj: dict[str, Any], expected: tuple[str, str]) -> None:
    assert health(obj) == dict(zip(("status", "message"), expected, strict=True))


def test_service_that_nobody_looked_at_yet() -> None:
    obj = {"kind": "ModelService", "metadata": {"generation": 1}, "spec": {}}
    assert health(obj)["status"] == "Progressing"


def test_a_version_is_healthy_once_it_exists() -> None:
    assert health({"kind": "ModelVersion", "metadata": {}, "spec": {}})["status"] == "Healthy"


def test_chart_ships_the_same_script() -> None:
    assert (CHART / "files" / "argocd" / "health.lua").read_bytes() == SCRIPT.read_bytes()
