"""Versions that users publish are served by reference, shared by grants, and kept while in use."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.demo.kinds import MODEL_GRANT, MODEL_SERVICE, MODEL_VERSION
from e2e.demo.kubectl import Kubectl, Manifest, Refused
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, Live, service
from e2e.suite.models import scaling


def version(live: Live, name: str, number: int) -> Manifest:
    """A version of the model `name` that multiplies by its number; its file is in the store."""
    content = scaling(number)
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": f"{name}-{number}"},
        "spec": {
            "model": name,
            "version": number,
            "format": "ONNX",
            "artifact": {
                "uri": live.scaling(number),
                "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
                "size": len(content),
            },
        },
    }


def referring(**ref: Any) -> Manifest:
    return {"name": MODEL, "versionRef": ref, "maxBatchSize": 8}


def used_by(*users: str) -> Callable[[Manifest], bool]:
    return lambda found: found.get("status", {}).get("usedBy", []) == list(users)


def test_a_service_waits_for_a_version_and_moves_to_a_newer_one(live: Live, apply: Apply) -> None:
    name = apply(service("follows", referring(selector={"model": "followed"})))
    live.told(name, "Ready", status="False", reason="VersionMissing")

    live.apply(version(live, "followed", 3))
    status = live.ready(name)["status"]
    assert live.serves(name, 3)
    wanted = {"namespace": live.namespace, "name": "followed-3"}
    assert status["models"][0]["versionRef"] == wanted
    user = f"{live.namespace}/{name}"
    live.kubectl.wait(MODEL_VERSION, "followed-3", used_by(user))

    live.apply(version(live, "followed", 4))
    live.kubectl.wait(MODEL_VERSION, "followed-4", used_by(user))
    live.kubectl.wait(MODEL_VERSION, "followed-3", used_by())
    live.ready(name)
    assert live.serves(name, 4)

    with pytest.raises(Refused, match=f"is used by ModelService {user}"):
        live.kubectl.delete(MODEL_VERSION, "followed-4")
    live.kubectl.delete(MODEL_VERSION, "followed-3")
    live.remove(name)
    live.kubectl.wait(MODEL_VERSION, "followed-4", used_by())
    live.kubectl.delete(MODEL_VERSION, "followed-4")


@pytest.fixture
def owner(live: Live) -> Iterator[Kubectl]:
    """The namespace of another team."""
    kubectl = live.kubectl.of(f"{live.namespace}-owner")
    metadata = {"name": kubectl.namespace}
    live.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield kubectl
    live.kubectl.run("delete", "namespace", kubectl.namespace, seconds=120.0)


def test_another_teams_version_is_served_where_it_is_granted(
    live: Live, apply: Apply, owner: Kubectl
) -> None:
    owner.apply(version(live, "lent", 5))
    name = apply(service("borrows", referring(name="lent-5", namespace=owner.namespace)))
    live.told(name, "Ready", status="False", reason="NotGranted")
    owner.apply(
        {
            "apiVersion": "modelservice.io/v1alpha1",
            "kind": "ModelGrant",
            "metadata": {"name": "lent"},
            "spec": {"from": [{"namespace": live.namespace}], "to": [{"name": "lent-5"}]},
        }
    )
    live.ready(name)
    assert live.serves(name, 5)
    owner.wait(MODEL_VERSION, "lent-5", used_by(f"{live.namespace}/{name}"))

    owner.delete(MODEL_GRANT, "lent")
    live.told(name, "Ready", status="False", reason="NotGranted")
    assert live.kubectl.get(MODEL_SERVICE, name) is not None
    assert live.serves(name, 5), "what runs goes on"
    # The namespace goes at the end of this test, with the version that is still in use.
