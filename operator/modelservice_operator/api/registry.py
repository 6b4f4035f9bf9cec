"""How ModelVersions are spoken of: a selector of versions, and a reference to one of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.common import SecretRef
from modelservice_operator.api.scalars import (
    LABEL_KEY_TEXT,
    LabelValue,
    ModelName,
    Namespace,
    ObjectName,
    is_label_key,
    label_key_cel,
)
from modelservice_operator.api.schema import Rule, Schema

Labels = Annotated[
    dict[str, LabelValue],
    Field(min_length=1, max_length=4),
    Rule[dict[str, str]](
        cel=f"self.all(key, {label_key_cel('key')})",
        check=lambda labels: all(is_label_key(key) for key in labels),
        message=f"keys must be those of labels: {LABEL_KEY_TEXT}",
    ),
]


class VersionSelector(Schema):
    """Which ModelVersions are meant. What is stated must hold all together."""

    model: ModelName | None = None
    """Those of this model: their spec.model."""

    match_labels: Labels | None = None
    """Those with all of these labels."""

    rules: ClassVar[tuple[Rule[VersionSelector], ...]] = (
        Rule(
            cel="has(self.model) || has(self.matchLabels)",
            check=lambda one: one.model is not None or one.match_labels is not None,
            message="a selector needs model or matchLabels: set one of them, or both",
        ),
    )


class MetricPick(Schema):
    """The metric that decides."""

    name: Annotated[str, Field(strict=True, min_length=1, max_length=64)]
    """Name of the metric, as in spec.lineage.metrics of the versions. A version without it is not
    picked."""

    order: Literal["Highest", "Lowest"]
    """Which value is best."""


class Pick(Schema):
    """Which of several versions is served."""

    type: Literal["Latest", "Metric"]
    """Latest: the highest version number. Metric: the best value of a metric. Of equal ones it is
    the latest, and of these the one that was created last."""

    metric: MetricPick | None = None
    """The metric of type Metric."""

    rules: ClassVar[tuple[Rule[Pick], ...]] = (
        Rule(
            cel="(self.type == 'Metric') == has(self.metric)",
            check=lambda pick: (pick.type == "Metric") == (pick.metric is not None),
            message="metric is for type Metric, which needs it: set metric.name and metric.order "
            "with type Metric, or leave metric out",
            path=".metric",
        ),
    )


class VersionRef(Schema):
    """A version in the registry: exactly one of `name` and `selector`."""

    name: ObjectName | None = None
    """Name of the ModelVersion."""

    selector: VersionSelector | None = None
    """ModelVersions to pick from. The service moves to another one by itself when the pick
    changes."""

    pick: Pick | None = None
    """Which of the selected versions is served; the latest when left out."""

    namespace: Namespace | None = None
    """Namespace of the ModelVersion; the service's own when left out. A ModelGrant in another one
    must allow it."""

    secret_ref: SecretRef | None = None
    """Credentials for the version's file; the Secret modelservice-storage when left out."""

    rules: ClassVar[tuple[Rule[VersionRef], ...]] = (
        Rule(
            cel="has(self.name) != has(self.selector)",
            check=lambda ref: (ref.name is None) != (ref.selector is None),
            message="a versionRef needs exactly one of name and selector: "
            "name is one ModelVersion, selector picks from several",
        ),
        Rule(
            cel="!has(self.pick) || has(self.selector)",
            check=lambda ref: ref.pick is None or ref.selector is not None,
            message="pick needs selector: there is nothing to pick from a name",
            path=".pick",
        ),
    )
