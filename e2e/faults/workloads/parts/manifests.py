"""Objects that users apply. What their pods do is played by the rig's `stages.yaml`.

A model of a service is named as the service: what a check finds is told by that name.
"""

from __future__ import annotations

from typing import Any

from e2e.faults.record import Manifest

# Values of Secrets, which must show up nowhere else; see the oracle `secrets`.
CANARY = "canary-d0n0tc0py"
NEW_CANARY = "canary-r0tated"
CREDENTIALS = "modelservice-storage"
SHA, OTHER_SHA = "a" * 64, "b" * 64
FILE, OTHER_FILE = "s3://models/first.onnx", "s3://models/second.onnx"
DATA, OTHER_DATA = "s3://data/first.npz", "s3://data/second.npz"
# Pods that take their time show what is taken away too early.
SLOWLY = {"ready-after": "600ms", "leave-after": "300ms"}


def service(name: str, *models: Manifest, **spec: Any) -> Manifest:
    """A ModelService; without models it serves one file of known bytes."""
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name},
        "spec": {"models": list(models) or [model(name)], **spec},
    }


def model(name: str, *, uri: str = FILE, sha256: str | None = SHA, **more: Any) -> Manifest:
    """A model that is a file; with `sha256=None` a check has to look at it first."""
    source: Manifest = {"uri": uri}
    if sha256 is not None:
        source["sha256"] = sha256
    if "secret" in more:
        source["secretRef"] = {"name": more.pop("secret")}
    return {"name": name, "source": source, **more}


def trained(name: str, *, data: str = DATA, secret: str | None = None, **training: Any) -> Manifest:
    """A model that a training makes."""
    dataset: Manifest = {"uri": data}
    if secret is not None:
        dataset["secretRef"] = {"name": secret}
    return {"name": name, "training": {"recipe": "linear", "dataset": dataset, **training}}


def version(name: str, number: int, *, uri: str = FILE, sha256: str = SHA) -> Manifest:
    """A version of the model `digits` that a user publishes."""
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": name},
        "spec": {
            "model": "digits",
            "version": number,
            "format": "ONNX",
            "artifact": {"uri": uri, "digest": f"sha256:{sha256}", "size": 4096},
        },
    }


def secret(name: str = CREDENTIALS, *, value: str = CANARY) -> Manifest:
    """Credentials, all of them secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {
            "AWS_ACCESS_KEY_ID": f"id-{value}",
            "AWS_SECRET_ACCESS_KEY": f"key-{value}",
            "AWS_ENDPOINT_URL": f"https://user:{value}@store.example",
        },
    }
