"""An entry of `spec.models`: its origin and how Triton runs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final

from pydantic import Field
from pydantic.alias_generators import to_camel

from modelservice_operator.api.common import Tensors
from modelservice_operator.api.ensemble import Ensemble, Problem, problems
from modelservice_operator.api.labels import Labels
from modelservice_operator.api.registry import VersionRef
from modelservice_operator.api.scalars import ModelName
from modelservice_operator.api.scheduling import DynamicBatching, SequenceBatching
from modelservice_operator.api.schema import BY_NAME, Range, Rule, Schema
from modelservice_operator.api.source import Source
from modelservice_operator.api.training import Training
from modelservice_operator.api.tuning import (
    InstanceGroup,
    Optimization,
    Parameters,
    ResponseCache,
    Warmup,
)

# What Triton refuses of an ensemble, or what would do nothing there.
NOT_OF_ENSEMBLES: Final = (
    "dynamic_batching",
    "sequence_batching",
    "instances",
    "warmup",
    "optimization",
    "parameters",
)


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

    warmup: Warmup | None = None
    """Have each instance answer requests that are made up before the model counts as loaded."""

    response_cache: ResponseCache | None = None
    """Answer equal requests from memory."""

    optimization: Optimization | None = None
    """How the model is prepared and run."""

    parameters: Parameters | None = None
    """Parameters for the backend, as config.pbtxt has them, such as enable_mem_arena: "0"."""

    labels: Labels | None = None
    """Names of classes, for requests that ask Triton to classify."""

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
    def file(self) -> Source | None:
        """The source of a model that is served as it lies there; None where a Job makes the model
        of it."""
        return self.source if self.source is not None and not self.source.is_converted else None

    @property
    def caches(self) -> bool:
        """Whether Triton keeps the model's answers."""
        return self.response_cache is not None and self.response_cache.enable

    @property
    def is_rate_limited(self) -> bool:
        """Whether an instance asks Triton's rate limiter before it runs."""
        return any(group.rate_limiter is not None for group in self.instances or ())

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
            cel="!has(self.ensemble) || !("
            + " || ".join(f"has(self.{to_camel(field)})" for field in NOT_OF_ENSEMBLES)
            + ")",
            check=lambda model: (
                model.ensemble is None
                or all(getattr(model, field) is None for field in NOT_OF_ENSEMBLES)
            ),
            message="an ensemble runs nothing itself: leave "
            f"{', '.join(map(to_camel, NOT_OF_ENSEMBLES))} out, and set them on its models",
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
        Rule(
            cel="!has(self.warmup) || self.warmup.batchSize == 1 || "
            "self.warmup.batchSize <= self.maxBatchSize",
            check=lambda model: (
                model.warmup is None or model.warmup.batch_size <= max(1, model.max_batch_size)
            ),
            message="warmup.batchSize must not exceed maxBatchSize: "
            "lower it, or raise maxBatchSize",
            path=".warmup.batchSize",
        ),
        Rule(
            cel="!has(self.warmup) || !has(self.sequenceBatching) || "
            "!has(self.sequenceBatching.states)",
            check=lambda model: (
                model.warmup is None
                or model.sequence_batching is None
                or model.sequence_batching.states is None
            ),
            message="Triton cannot warm up a model whose states it keeps: "
            "leave warmup out, or sequenceBatching.states",
            path=".warmup",
        ),
        Rule(
            cel="!has(self.responseCache) || !self.responseCache.enable || "
            "!has(self.sequenceBatching)",
            check=lambda model: not model.caches or model.sequence_batching is None,
            message="answers of a sequence depend on what came before and cannot be cached: "
            "leave responseCache out, or sequenceBatching",
            path=".responseCache",
        ),
    )


Models = Annotated[tuple[Model, ...], Field(min_length=1, max_length=16), BY_NAME]
