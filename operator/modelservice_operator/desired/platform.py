"""Operator-wide settings (Helm values), as the pure core sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Resources = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Images:
    agent: str
    trainer: str
    converter: str
    triton: str


@dataclass(frozen=True, slots=True)
class Triton:
    """What the Triton image can do: its native backends, and whether it drives GPUs."""

    backends: tuple[str, ...] = ("onnxruntime", "python")
    gpu: bool = True


@dataclass(frozen=True, slots=True)
class Storage:
    """Where training puts what it makes, and the Secret that opens it by default."""

    uri: str = "s3://models/"
    endpoint: str = ""
    region: str = "us-east-1"
    hugging_face_endpoint: str = ""  # a mirror; empty: the hub itself
    secret_name: str = "modelservice-storage"  # noqa: S105 - the name of a Secret, not its value


@dataclass(frozen=True, slots=True)
class PlatformTrust:
    """Whether every model has to be signed, and who may sign (PEM)."""

    required: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Platform:
    images: Images
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    triton: Triton = Triton()
    storage: Storage = Storage()
    allowed_networks: tuple[str, ...] = ()
    # keys, or `<prefix>/*`, or `*`: what ModelServices may put on their pods
    allowed_pod_labels: tuple[str, ...] = ()
    allowed_pod_annotations: tuple[str, ...] = ()
    # models that are code of the user's own
    allow_python_models: bool = False
    trust: PlatformTrust = PlatformTrust()
    # where the operator runs, and the public keys that it pushes documents with; without keys none
    namespace: str = ""
    push_keys: tuple[str, ...] = ()
    model_storage: str = "20Gi"  # room for model files in a pod that states none
    # one entry each for triton, agent, fetch, trainer, converter, check
    resources: Mapping[str, Resources] = field(default_factory=dict)


def resources_of(platform: Platform, container: str) -> dict[str, Any]:
    """The platform's default requests and limits of one container, as a fresh dict."""
    return {kind: dict(values) for kind, values in platform.resources.get(container, {}).items()}
