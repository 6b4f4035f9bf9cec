"""An entry of `spec.models`: its origin and how Triton runs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.common import Tensors
from modelservice_operator.api.ensemble import Ensemble, Problem, problems
from modelservice_operator.api.origin import Source, Training
from modelservice_operator.api.registry import VersionRef
from modelservice_operator.api.scalars import ModelName
from modelservice_operator.api.scheduling import DynamicBatching, SequenceBatching
from modelservice_operator.api.schema import BY_NAME, Range, Rule, Schema


class InstanceGroup(Schema):
    """A Triton instance group: copies of the model that run side by side in a pod."""

    count: Annotated[int, Range(1, 32)] = 1
    """Copies: for each GPU, or in all on CPU."""

    kind: Literal["Auto", "GPU", "CPU"] = "Auto"
    """Where they run. Auto: on the pod's GPUs if it has any, else on CPU."""


class Model(Schema):
    """One model of the service: exactly one of `source`, `versionRef`, `training` and
    `ensemble`."""

    name: ModelName
    """The model's name in Triton and in requests."""

    source: Source | None = None
    """A model file that exists."""

    version_ref: VersionRef | None = None
    """A version in the registry."""

    training: Training | None = None
    """A training that makes the model."""

    ensemble: Ensemble | None = None
    """Other models of this service, joined to one."""

    max_batch_size: Annotated[int, Range(0, 4096)] = 0
    """Largest batch that Triton hands to the model. 0: no batching by Triton, and requests carry
    the model's own shapes."""

    dynamic_batching: DynamicBatching | None = None
    """Put requests together into batches; needs maxBatchSize."""

    sequence_batching: SequenceBatching | None = None
    """Keep the requests of a sequence together, in place of dynamicBatching."""

    instances: Annotated[tuple[InstanceGroup, ...], Field(min_length=1, max_length=8)] | None = None
    """Instance groups; one copy of kind Auto when left out."""

    inputs: Tensors | None = None
    """Inputs that the model must have. They are read from the model when left out; a format that
    does not hold them (TorchScript, TensorRT, Python) needs them stated."""

    outputs: Tensors | None = None
    """Outputs that the model must have. They are read from the model when left out; a format that
    does not hold them (TorchScript, TensorRT, Python) needs them stated."""

    @property
    def origins(self) -> tuple[object, ...]:
        """The origins that are stated; a rule makes it exactly one."""
        stated = (self.source, self.version_ref, self.training, self.ensemble)
        return tuple(origin for origin in stated if origin is not None)

    @property
    def sequence_sizes(self) -> tuple[int, ...]:
        """Preferred sizes of batches of sequences."""
        oldest = self.sequence_batching.oldest if self.sequence_batching is not None else None
        return oldest.preferred_batch_sizes or () if oldest is not None else ()

    def late_problems(self) -> Iterable[Problem]:
        if self.ensemble is None:
            return ()
        return problems(
            self.ensemble,
            inputs=None if self.inputs is None else [one.name for one in self.inputs],
            outputs=None if self.outputs is None else [one.name for one in self.outputs],
        )

    rules: ClassVar[tuple[Rule[Model], ...]] = (
        Rule(
            cel="[has(self.source), has(self.versionRef), has(self.training), has(self.ensemble)]"
            ".exists_one(given, given)",
            check=lambda model: len(model.origins) == 1,
            message="a model needs exactly one of source, versionRef, training and ensemble: "
            "source serves a file, versionRef a version of the registry, training makes one, "
            "ensemble joins other models",
        ),
        Rule(
            cel="!has(self.ensemble) || (!has(self.dynamicBatching) && "
            "!has(self.sequenceBatching) && !has(self.instances))",
            check=lambda model: (
                model.ensemble is None
                or (
                    model.dynamic_batching is None
                    and model.sequence_batching is None
                    and model.instances is None
                )
            ),
            message="an ensemble runs nothing itself: leave dynamicBatching, sequenceBatching and "
            "instances out, and set them on its models",
            path=".ensemble",
        ),
        Rule(
            cel="!has(self.ensemble) || self.ensemble.steps.all(step, step.model != self.name)",
            check=lambda model: (
                model.ensemble is None
                or all(step.model != model.name for step in model.ensemble.steps)
            ),
            message="an ensemble must not be a step of itself: name another model",
            path=".ensemble.steps",
        ),
        Rule(
            cel="!has(self.dynamicBatching) || self.maxBatchSize >= 1",
            check=lambda model: model.dynamic_batching is None or model.max_batch_size >= 1,
            message="dynamicBatching needs maxBatchSize of at least 1: "
            "set maxBatchSize, or leave dynamicBatching out",
            path=".dynamicBatching",
        ),
        Rule(
            cel="!has(self.dynamicBatching) || !has(self.dynamicBatching.preferredBatchSizes) || "
            "self.dynamicBatching.preferredBatchSizes.all(size, size <= self.maxBatchSize)",
            check=lambda model: (
                model.dynamic_batching is None
                or all(
                    size <= model.max_batch_size
                    for size in model.dynamic_batching.preferred_batch_sizes or ()
                )
            ),
            message="preferredBatchSizes must not exceed maxBatchSize: "
            "lower them, or raise maxBatchSize",
            path=".dynamicBatching.preferredBatchSizes",
        ),
        Rule(
            cel="!has(self.dynamicBatching) || !has(self.sequenceBatching)",
            check=lambda model: model.dynamic_batching is None or model.sequence_batching is None,
            message="dynamicBatching and sequenceBatching exclude each other: leave one out",
            path=".sequenceBatching",
        ),
        Rule(
            cel="!has(self.sequenceBatching) || !has(self.sequenceBatching.oldest) || "
            "!has(self.sequenceBatching.oldest.preferredBatchSizes) || "
            "self.sequenceBatching.oldest.preferredBatchSizes.all(size, "
            "size <= self.maxBatchSize)",
            check=lambda model: all(size <= model.max_batch_size for size in model.sequence_sizes),
            message="preferredBatchSizes must not exceed maxBatchSize: "
            "lower them, or raise maxBatchSize",
            path=".sequenceBatching.oldest.preferredBatchSizes",
        ),
    )


Models = Annotated[tuple[Model, ...], Field(min_length=1, max_length=16), BY_NAME]
