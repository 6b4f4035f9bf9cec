"""ModelService: the object that a user applies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from modelservice_operator.api import entries, labels, names
from modelservice_operator.api.common import Gpu
from modelservice_operator.api.ensemble import Step, circles
from modelservice_operator.api.model import Model, Models
from modelservice_operator.api.scalars import Bool
from modelservice_operator.api.schema import Range, Rule, Schema
from modelservice_operator.api.sealing import Trust
from modelservice_operator.api.serving import Serving
from modelservice_operator.api.status import ModelServiceStatus

_NAME_REGEX = rf"[a-z]([-a-z0-9]{{0,{names.SERVICE_NAME_MAX - 2}}}[a-z0-9])?"


class CpuMetric(Schema):
    """CPU use of the Triton containers."""

    target_utilization: Annotated[int, Range(1, 100)]
    """Wanted mean use, in percent of what the containers request."""


class ScalingMetric(Schema):
    """What the number of pods follows."""

    type: Literal["CPU"]
    """Kind of metric; the field of the same name holds its target."""

    cpu: CpuMetric | None = None
    """Target of type CPU."""

    rules: ClassVar[tuple[Rule[ScalingMetric], ...]] = (
        Rule(
            cel="self.type != 'CPU' || has(self.cpu)",
            check=lambda metric: metric.type != "CPU" or metric.cpu is not None,
            message="type CPU needs cpu: set cpu.targetUtilization",
            path=".cpu",
        ),
    )


class Autoscaling(Schema):
    """Bounds and metrics of automatic scaling. Leave serving.replicas out beside it."""

    min_replicas: Annotated[int, Range(1, 1000)] = 1
    """Fewest pods."""

    max_replicas: Annotated[int, Range(1, 1000)]
    """Most pods."""

    metrics: Annotated[tuple[ScalingMetric, ...], Field(min_length=1, max_length=1)]
    """What the number of pods follows."""

    rules: ClassVar[tuple[Rule[Autoscaling], ...]] = (
        Rule(
            cel="self.minReplicas <= self.maxReplicas",
            check=lambda scaling: scaling.min_replicas <= scaling.max_replicas,
            message="minReplicas must not exceed maxReplicas: lower minReplicas, "
            "or raise maxReplicas",
            path=".minReplicas",
        ),
    )


class Rollout(Schema):
    """How a new revision takes over."""

    strategy: Literal["Auto", "Surge", "Replace"] = "Auto"
    """Surge brings new pods up beside the old ones, Replace in their place. Auto lets the pods that
    serve load the new models where nothing else changes, else surges where there is room."""


class ModelServiceSpec(Schema):
    """What the user wants."""

    models: Models
    """The models that the service serves."""

    gpu: Gpu | None = None
    """GPUs of each serving pod; left out, it serves on CPU."""

    serving: Serving = Serving()
    """The serving pods."""

    autoscaling: Autoscaling | None = None
    """Automatic scaling."""

    rollout: Rollout = Rollout()
    """How a new revision takes over."""

    trust: Trust | None = None
    """What the models have to prove before they are served."""

    suspend: Bool = False
    """Serve with no pods and pause training. Versions and artifacts stay."""

    rules: ClassVar[tuple[Rule[ModelServiceSpec], ...]] = (
        Rule(
            cel="has(self.gpu) || self.models.all(model, !has(model.instances) || "
            "model.instances.all(group, group.kind != 'GPU'))",
            check=lambda spec: (
                spec.gpu is not None
                or all(
                    group.kind != "GPU" for model in spec.models for group in model.instances or ()
                )
            ),
            message="instances of kind GPU need spec.gpu: set gpu.count, or use kind Auto or CPU",
            path=".models",
        ),
        Rule(
            cel="has(self.gpu) || self.models.all(model, !has(model.optimization) || "
            "!has(model.optimization.accelerators) || "
            "model.optimization.accelerators.all(one, one.name != 'TensorRT'))",
            check=lambda spec: (
                spec.gpu is not None
                or not any(
                    model.optimization.uses("TensorRT")
                    for model in spec.models
                    if model.optimization is not None
                )
            ),
            message="the accelerator TensorRT needs spec.gpu: set gpu.count, or leave it out",
            path=".models",
        ),
        Rule(
            cel="self.models.map(model, has(model.labels) ? model.labels.map(one, "
            f"one.values.map(label, label.size() + {labels.PUNCTUATION}).sum()).sum() : 0)"
            f".sum() <= {labels.CHARACTERS_MAX}",
            check=lambda spec: (
                sum(labels.size(model.labels) for model in spec.models) <= labels.CHARACTERS_MAX
            ),
            message=f"labels of all models together may have {labels.CHARACTERS_MAX} characters, "
            f"and {labels.PUNCTUATION} more count for each: shorten them",
            path=".models",
        ),
        Rule(
            cel=f"self.models.map(model, {entries.CEL}).sum() <= {entries.MAX}",
            check=lambda spec: sum(map(entries.count, spec.models)) <= entries.MAX,
            message=f"all models together may state {entries.MAX} tensors and settings (inputs, "
            "outputs, those of steps and warmup, controls, states, parameters, queue policies, "
            "resources): leave inputs and outputs out, they are read from the models",
            path=".models",
        ),
        Rule(
            cel="self.models.all(model, !has(model.ensemble) || model.ensemble.steps.all(step, "
            "self.models.exists(other, other.name == step.model)))",
            check=lambda spec: all(
                step.model in {other.name for other in spec.models}
                for model in spec.models
                for step in _steps(model)
            ),
            message="a step of an ensemble must name a model of this service: add the model, "
            "or correct the name",
            path=".models",
        ),
        Rule(
            cel="self.models.all(model, !has(model.ensemble) || model.ensemble.steps.all(step, "
            "self.models.all(other, other.name != step.model || other.maxBatchSize == 0 || "
            "other.maxBatchSize >= model.maxBatchSize)))",
            check=lambda spec: (
                not any(
                    other.name == step.model and 0 < other.max_batch_size < model.max_batch_size
                    for model in spec.models
                    for step in _steps(model)
                    for other in spec.models
                )
            ),
            message="maxBatchSize of an ensemble must not exceed that of its models: lower it, "
            "or raise theirs",
            path=".models",
        ),
    )

    def late_problems(self) -> Iterable[tuple[str, str]]:
        yield from _mixed_resources(self.models)
        joined = {model.name: model.ensemble for model in self.models if model.ensemble}
        numbers = {model.name: number for number, model in enumerate(self.models)}
        for name, sentence in circles(joined):
            yield f".models[{numbers[name]}].ensemble", sentence


def _mixed_resources(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Triton has a resource once, or once a GPU, and refuses to load a model that says else."""
    seen: dict[str, bool] = {}
    for number, model in enumerate(models):
        for group in model.instances or ():
            limiter = group.rate_limiter
            for one in limiter.resources or () if limiter is not None else ():
                if seen.setdefault(one.name, one.is_global) != one.is_global:
                    yield (
                        f".models[{number}].instances",
                        f"the resource {one.name} is global in one place and not in another: "
                        "make it the same everywhere, or give it another name",
                    )


def _steps(model: Model) -> tuple[Step, ...]:
    return model.ensemble.steps if model.ensemble is not None else ()


class ObjectMeta(Schema):
    """The part of metadata that the operator reads; Kubernetes checks the whole."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(strict=True, max_length=253)]
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: Annotated[dict[str, str], Field(default_factory=dict)]


class ModelService(Schema):
    """AI models as a service: trained if need be, registered, served on NVIDIA Triton, scaled and
    updated."""

    api_version: Literal["modelservice.io/v1alpha1"]
    kind: Literal["ModelService"]
    metadata: ObjectMeta
    spec: ModelServiceSpec
    """What the user wants."""

    status: ModelServiceStatus | None = None
    """What the operator found."""

    rules: ClassVar[tuple[Rule[ModelService], ...]] = (
        Rule(
            cel=f"self.metadata.name.matches(r'^(?:{_NAME_REGEX})$')",
            check=lambda service: re.fullmatch(_NAME_REGEX, service.metadata.name) is not None,
            message=f"metadata.name must be at most {names.SERVICE_NAME_MAX} of a-z, 0-9 and '-', "
            "with a letter first and no '-' last (children's names are made from it)",
            path=".metadata.name",
        ),
    )
