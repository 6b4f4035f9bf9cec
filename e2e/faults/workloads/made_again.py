"""A service is deleted and made again at once, by the same name."""

from __future__ import annotations

from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, Step, User, Workload
from e2e.faults.workloads.parts.acts import Act, applies
from e2e.faults.workloads.parts.manifests import (
    OTHER_FILE,
    OTHER_SHA,
    model,
    secret,
    service,
    trained,
)
from e2e.faults.workloads.parts.shows import Shows, ready


def _again(manifest: Manifest) -> Act:
    async def act(user: User) -> None:
        await user.delete("ModelService", manifest["metadata"]["name"])
        await user.create(manifest)

    return act


def _fresh(name: str) -> Shows:
    """It serves, and nothing of the one before it is left."""

    def holds(objects: Objects) -> bool:
        service = objects.get(("ModelService", name))
        if service is None or not ready(name)(objects):
            return False
        owners = {
            reference["uid"]
            for item in objects.values()
            for reference in item["metadata"].get("ownerReferences", ())
            if reference["kind"] == "ModelService"
        }
        return owners == {service["metadata"]["uid"]}

    return holds


WORKLOADS = (
    Workload(
        "made_again",
        "a service is deleted and made again at once with another file",
        (
            Step(
                "create",
                applies(secret(), service("digits", serving={"replicas": 2})),
                ready("digits"),
            ),
            Step(
                "again",
                _again(service("digits", model("digits", uri=OTHER_FILE, sha256=OTHER_SHA))),
                _fresh("digits"),
            ),
        ),
    ),
    Workload(
        "trained_again",
        "a trained service is deleted and made again at once: its version is there",
        (
            Step("create", applies(secret(), service("line", trained("line"))), ready("line")),
            Step("again", _again(service("line", trained("line"))), _fresh("line")),
        ),
    ),
)
