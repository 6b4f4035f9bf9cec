"""Parts that all of our pods share: security context, credentials, placement on GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelservice_operator.api import Gpu, Resources, names, quantity
from modelservice_operator.api.quantity import canonical
from modelservice_operator.desired import child_names
from modelservice_operator.desired.model_set import CLAIMS, CREDENTIALS
from modelservice_operator.desired.platform import Platform, resources_of

Manifest = dict[str, Any]

USER = 65532


def pod_security() -> Manifest:
    """The restricted Pod Security Standard, for the pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """The restricted Pod Security Standard, for a container, and a read-only root."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def container(
    *,
    name: str,
    image: str,
    command: Sequence[str],
    resources: Manifest,
    mounts: Mapping[str, str],
    platform: Platform,
    read_only: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    extra_env: Sequence[Manifest] = (),
) -> Manifest:
    """A container that mounts the volumes `mounts` (volume → path), `read_only` ones so.

    `extra_env`: variables that the kubelet fills in, behind the plain ones.
    """
    writable = set(mounts) - set(read_only)
    variables = [*environment(env or {}), *extra_env]
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": platform.image_pull_policy,
        "command": list(command),
        **({"env": variables} if variables else {}),
        "resources": resources,
        "securityContext": container_security(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": volume, "mountPath": path, **({} if volume in writable else READ_ONLY)}
            for volume, path in mounts.items()
        ],
    }


READ_ONLY = {"readOnly": True}


def environment(values: Mapping[str, str]) -> list[Manifest]:
    # An empty value is dropped by the API server, and would read as drift. A dollar is doubled: the
    # kubelet would put other variables in the place of $(NAME), which a user's URI may hold.
    return [
        {"name": name, "value": value.replace("$", "$$")}
        for name, value in sorted(values.items())
        if value
    ]


def storage_environment(platform: Platform) -> dict[str, str]:
    return {
        "MODELSERVICE_S3_ENDPOINT": platform.storage.endpoint,
        "MODELSERVICE_S3_REGION": platform.storage.region,
    }


def source_environment(platform: Platform) -> dict[str, str]:
    """What reads models needs to know of the platform's stores."""
    return {
        **storage_environment(platform),
        "MODELSERVICE_HUGGING_FACE_ENDPOINT": platform.storage.hugging_face_endpoint,
    }


def room_environment(storage: str) -> dict[str, str]:
    """Tells a program how much it may write, so that it can say so before the kubelet evicts it."""
    return {"MODELSERVICE_MODEL_STORAGE_BYTES": str(int(quantity.parse(storage)))}


def credential_volumes(secrets: Iterable[str]) -> list[Manifest]:
    # optional: a missing Secret is then the program's own message, which heals when it appears,
    # and not a pod that hangs in ContainerCreating.
    return [
        {
            "name": child_names.volume(secret),
            "secret": {"secretName": secret, "optional": True, "defaultMode": 0o440},
        }
        for secret in sorted(set(secrets))
    ]


def credential_mounts(secrets: Iterable[str]) -> dict[str, str]:
    return {
        child_names.volume(secret): f"{CREDENTIALS}/{secret}" for secret in sorted(set(secrets))
    }


def claim_volumes(claims: Iterable[str]) -> list[Manifest]:
    return [
        {
            "name": child_names.claim_volume(claim),
            # The volume itself is read-only too, so that the kubelet changes no owner in it.
            "persistentVolumeClaim": {"claimName": claim, "readOnly": True},
        }
        for claim in sorted(set(claims))
    ]


def claim_mounts(claims: Iterable[str]) -> dict[str, str]:
    return {child_names.claim_volume(claim): f"{CLAIMS}/{claim}" for claim in sorted(set(claims))}


def scratch(*, name: str, size: str, memory: bool = False) -> Manifest:
    """An emptyDir with a limit."""
    medium = {"medium": "Memory"} if memory else {}
    return {"name": name, "emptyDir": {**medium, "sizeLimit": canonical(size)}}


def resources(name: str, *, platform: Platform, stated: Resources | None = None) -> Manifest:
    """A container's resources: the platform's defaults with what the user states over them.

    Quantities are written as the API server writes them back, or they would read as drift.
    """
    merged = resources_of(platform, name)
    if stated is not None:
        for kind, amounts in stated.model_dump(by_alias=True, exclude_none=True).items():
            merged[kind] = {**merged.get(kind, {}), **amounts}
    written = {
        kind: {key: canonical(str(amount)) for key, amount in sorted(amounts.items())}
        for kind, amounts in sorted(merged.items())
        if amounts
    }
    limits = written.get("limits", {})
    for key, amount in written.get("requests", {}).items():
        # a request stated above the platform's default limit lifts that limit
        if key in limits and quantity.parse(limits[key]) < quantity.parse(amount):
            limits[key] = amount
    return written


def with_gpu(resources: Manifest, *, gpu: Gpu | None) -> Manifest:
    """Adds the GPUs as a limit (for extended resources the request follows the limit)."""
    if gpu is None:
        return resources
    limits = {**resources.get("limits", {}), gpu.resource_name: str(gpu.count)}
    return {**resources, "limits": dict(sorted(limits.items()))}


def gpu_affinity(gpu: Gpu | None) -> Manifest:
    """Node affinity for the wanted products; nothing where any will do."""
    if gpu is None or not gpu.products:
        return {}
    products = {"key": names.LABEL_GPU_PRODUCT, "operator": "In", "values": sorted(gpu.products)}
    return {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [products]}]
                }
            }
        }
    }


def gpu_tolerations(gpu: Gpu | None) -> list[Manifest]:
    # GPU nodes are commonly tainted with the resource's name, to keep other pods away.
    if gpu is None:
        return []
    return [{"key": names.GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}]


def pull_secrets(*, platform: Platform, stated: Iterable[str] = ()) -> Manifest:
    secrets = sorted({*platform.image_pull_secrets, *stated})
    return {"imagePullSecrets": [{"name": name} for name in secrets]} if secrets else {}
