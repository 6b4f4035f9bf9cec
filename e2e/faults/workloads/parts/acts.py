"""What users do, as a step's `act`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from e2e.cluster.client import Refused
from e2e.faults.record import Manifest
from e2e.faults.workload import Objects, User
from e2e.faults.workloads.parts.manifests import DATA, SHA

Act = Callable[[User], Awaitable[object]]

# The last word of a training that went well.
RESULT = json.dumps(
    {
        "ok": True,
        "uri": "s3://models/line.onnx",
        "digest": f"sha256:{SHA}",
        "size": 4096,
        "format": "ONNX",
        "inputs": [{"name": "x", "dataType": "FP32", "shape": [-1, 10]}],
        "outputs": [{"name": "y", "dataType": "FP32", "shape": [-1, 1]}],
        "loss": "0.02",
        "metrics": {},
        "dataset": {"uri": DATA, "digest": f"sha256:{SHA}"},
    }
)


def applies(*manifests: Manifest) -> Act:
    """Server-side apply, in this order: makes what is not there yet, changes what is."""

    async def act(user: User) -> None:
        for manifest in manifests:
            await user.apply(manifest)

    return act


def deletes(*names: str, kind: str = "ModelService") -> Act:
    async def act(user: User) -> None:
        for name in names:
            await user.delete(kind, name)

    return act


def scales(name: str, replicas: int) -> Act:
    return lambda user: user.scale(name, replicas)


def patches(name: str, patch: Manifest) -> Act:
    """A merge patch of a ModelService."""
    return lambda user: user.patch("ModelService", name, patch)


def ends(component: str, *, code: int, message: str) -> Act:
    """Programs that are held (see `stages.yaml`) end so; waits for one that runs."""

    async def act(user: User) -> None:
        await user.until(lambda objects: bool(held(objects, component=component)))
        for pod in held(user.objects, component=component):
            try:
                await user.patch(
                    "Pod", pod["metadata"]["name"], _ended(pod, code, message), subresource="status"
                )
            except Refused as refused:
                if refused.status != 404:  # somebody else ended it
                    raise

    return act


async def waits(user: User) -> None:
    """The user does nothing."""


def held(objects: Objects, *, component: str) -> list[Manifest]:
    """The running pods of a kind of Job."""
    return [
        item
        for (kind, _), item in objects.items()
        if kind == "Pod"
        and item["metadata"].get("labels", {}).get("modelservice.io/component") == component
        and item.get("status", {}).get("phase") == "Running"
        and "deletionTimestamp" not in item["metadata"]
    ]


def _ended(pod: Manifest, code: int, message: str) -> Manifest:
    container = pod["spec"]["containers"][0]
    began = pod["status"]["startTime"]
    ended = {
        "exitCode": code,
        "message": message,
        "reason": "Error" if code else "Completed",
        "startedAt": began,
        "finishedAt": began,
    }
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": ended},
    }
    phase = "Failed" if code else "Succeeded"
    return {"status": {"phase": phase, "containerStatuses": [status]}}
