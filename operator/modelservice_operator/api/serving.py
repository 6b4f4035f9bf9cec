"""`spec.serving`: the pods that serve, without their GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api import names, quantity
from modelservice_operator.api.common import Resources, SecretRef
from modelservice_operator.api.scalars import (
    LABEL_KEY_TEXT,
    CanonicalDuration,
    Duration,
    LabelKey,
    LabelValue,
    ObjectName,
    Quantity,
    between,
    is_label_key,
    label_key_cel,
)
from modelservice_operator.api.schema import BY_NAME, Range, Rule, Schema

Replicas = Annotated[int, Range(0, 1000)]


def _keys_are_labels() -> Rule[Mapping[str, str]]:
    return Rule(
        cel=f"self.all(key, {label_key_cel('key')})",
        check=lambda entries: all(is_label_key(key) for key in entries),
        message=f"keys must be those of labels: {LABEL_KEY_TEXT}",
    )


def _no_key_starts_with(prefixes: tuple[str, ...]) -> Rule[Mapping[str, str]]:
    condition = " || ".join(f"key.startsWith('{prefix}')" for prefix in prefixes)
    return Rule(
        cel=f"self.all(key, !({condition}))",
        check=lambda entries: not any(key.startswith(prefixes) for key in entries),
        message=f"keys must not start with {' or '.join(prefixes)}: these are the operator's",
    )


class Toleration(Schema):
    """A taint that the pods put up with, as in a Pod."""

    key: LabelKey | None = None
    """The taint's key; every key when left out (with operator Exists)."""

    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists: any value will do."""

    value: LabelValue | None = None
    """The taint's value, with operator Equal."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; every effect when left out."""

    toleration_seconds: Annotated[int, Range(0, 2**31 - 1)] | None = None
    """How long to stay on a node with such a NoExecute taint; for ever when left out."""

    rules: ClassVar[tuple[Rule[Toleration], ...]] = (
        Rule(
            cel="has(self.key) || self.operator == 'Exists'",
            check=lambda one: one.key is not None or one.operator == "Exists",
            message="a toleration without key needs operator Exists: set key or operator",
        ),
        Rule(
            cel="!has(self.value) || self.value == '' || self.operator == 'Equal'",
            check=lambda one: not one.value or one.operator == "Equal",
            message="a toleration with operator Exists must not have a value: "
            "leave value out, or use operator Equal",
            path=".value",
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            check=lambda one: one.toleration_seconds is None or one.effect == "NoExecute",
            message="tolerationSeconds needs effect NoExecute: set effect, "
            "or leave tolerationSeconds out",
            path=".tolerationSeconds",
        ),
    )


def _size_between(field: str, low: str, high: str) -> Rule[str]:
    return Rule(
        cel="!isQuantity(string(self)) || "
        f"(quantity(string(self)).compareTo(quantity('{low}')) >= 0 && "
        f"quantity(string(self)).compareTo(quantity('{high}')) <= 0)",
        check=lambda size: quantity.parse(low) <= quantity.parse(size) <= quantity.parse(high),
        message=f"{field} must be from {low} to {high}",
    )


class ModelStorage(Schema):
    """Room for model files in a pod."""

    size: Annotated[Quantity, _size_between("size", "1Mi", "64Ti")]
    """Size of the volume that the models are brought to."""


class Serving(Schema):
    """The serving pods."""

    replicas: Replicas = 1
    """Pods that serve. Autoscalers write this field through /scale."""

    resources: Resources | None = None
    """Resources of the Triton container."""

    service_account_name: ObjectName | None = None
    """Service account of the pods; `default` when left out."""

    priority_class_name: (
        Annotated[
            ObjectName,
            Rule[str](
                cel="!self.startsWith('system-')",
                check=lambda name: not name.startswith("system-"),
                message="must not start with system-: these classes are for the cluster's own pods",
            ),
        ]
        | None
    ) = None
    """Priority class of the pods; a ResourceQuota of the namespace limits which."""

    node_selector: (
        Annotated[
            dict[str, LabelValue],
            Field(max_length=16),
            _keys_are_labels(),
        ]
        | None
    ) = None
    """Labels that a node must have."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] | None = None
    """Taints that the pods put up with."""

    image_pull_secrets: Annotated[tuple[SecretRef, ...], Field(max_length=8), BY_NAME] | None = None
    """Secrets for private image registries, beside the platform's."""

    pod_labels: (
        Annotated[
            dict[str, LabelValue],
            Field(max_length=16),
            _keys_are_labels(),
            _no_key_starts_with(names.RESERVED_LABEL_PREFIXES),
        ]
        | None
    ) = None
    """Further labels of the pods, of those that the platform permits
    (security.allowedPodLabels)."""

    pod_annotations: (
        Annotated[
            dict[str, Annotated[str, Field(strict=True, max_length=1024)]],
            Field(max_length=16),
            _keys_are_labels(),
            _no_key_starts_with(names.RESERVED_ANNOTATION_PREFIXES),
        ]
        | None
    ) = None
    """Further annotations of the pods, of those that the platform permits
    (security.allowedPodAnnotations)."""

    model_storage: ModelStorage | None = None
    """Room for model files; sized by the platform when left out."""

    response_cache_size: (
        Annotated[Quantity, _size_between("responseCacheSize", "1Mi", "1Ti")] | None
    ) = None
    """Memory for answers of models with `responseCache`, beside limits.memory; 64Mi when left
    out."""

    progress_deadline: Annotated[Duration, between("10s", "24h"), CanonicalDuration] = "30m"
    """How long a new revision may go on without progress before it counts as failed."""
