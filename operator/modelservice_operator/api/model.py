"""An entry of `spec.models`: its origin and how Triton runs it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modelservice_operator.api.common import Tensors
from modelservice_operator.api.origin import Source, Training
from modelservice_operator.api.scalars import CanonicalDuration, Duration, ModelName, between
from modelservice_operator.api.schema import BY_NAME, SET, Range, Rule, Schema

BatchSize = Annotated[int, Range(1, 4096)]


class DynamicBatching(Schema):
    """Triton's dynamic batching: single requests are put together into batches."""

    preferred_batch_sizes: (
        Annotated[tuple[BatchSize, ...], Field(min_length=1, max_length=16), SET] | None
    ) = None
    """Sizes at which a batch is sent off at once; none may exceed maxBatchSize."""

    max_queue_delay: Annotated[Duration, between("0s", "1m"), CanonicalDuration] | None = None
    """How long a request waits for others, such as 500us; not at all when left out."""


class InstanceGroup(Schema):
    """A Triton instance group: copies of the model that run side by side in a pod."""

    count: Annotated[int, Range(1, 32)] = 1
    """Copies: for each GPU, or in all on CPU."""

    kind: Literal["Auto", "GPU", "CPU"] = "Auto"
    """Where they run. Auto: on the pod's GPUs if it has any, else on CPU."""


class Model(Schema):
    """One model of the service: exactly one of `source` and `training`."""

    name: ModelName
    """The model's name in Triton and in requests."""

    source: Source | None = None
    """A model file that exists."""

    training: Training | None = None
    """A training that makes the model."""

    max_batch_size: Annotated[int, Range(0, 4096)] = 0
    """Largest batch that Triton hands to the model. 0: no batching by Triton, and requests carry
    the model's own shapes."""

    dynamic_batching: DynamicBatching | None = None
    """Put requests together into batches; needs maxBatchSize."""

    instances: Annotated[tuple[InstanceGroup, ...], Field(min_length=1, max_length=8)] | None = None
    """Instance groups; one copy of kind Auto when left out."""

    inputs: Tensors | None = None
    """Inputs that the model must have. They are read from the model when left out."""

    outputs: Tensors | None = None
    """Outputs that the model must have. They are read from the model when left out."""

    rules: ClassVar[tuple[Rule[Model], ...]] = (
        Rule(
            cel="has(self.source) != has(self.training)",
            check=lambda model: (model.source is None) != (model.training is None),
            message="a model needs exactly one of source and training: "
            "source serves a file, training makes one",
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
    )


Models = Annotated[tuple[Model, ...], Field(min_length=1, max_length=16), BY_NAME]
