"""The wanted-models document: what the operator tells fetch, check and agent to serve.

The operator writes it into the revision's ConfigMap; here it becomes immutable values. Fields that
this version does not know are ignored, so that an operator one or two versions ahead can write
for pods that it does not restart.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from modelservice_runtime.artifacts.sealing.terms import PlatformTrust, Terms
from modelservice_runtime.scheduling import DynamicBatching, SequenceBatching
from modelservice_runtime.tensors import Tensor
from modelservice_runtime.tuning import Optimization, RateLimiter, Warmup

T = TypeVar("T")

API_VERSION = "runtime.modelservice.io/v1"

# A name becomes a folder. The API forbids what is no name, and this is where it would hurt.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Instances:
    """A group of equal model instances. `kind` is `Auto`, `GPU` or `CPU`."""

    count: int = 1
    kind: str = "Auto"
    rate_limiter: RateLimiter | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of the document's `instances`."""
        limiter = document.get("rateLimiter")
        return cls(
            count=int(document.get("count", 1)),
            kind=str(document.get("kind", "Auto")),
            rate_limiter=None if limiter is None else RateLimiter.parse(limiter),
        )


@dataclass(frozen=True)
class Step:
    """One model of an ensemble. The maps go from the model's tensors to the ensemble's."""

    model: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of the document's `ensemble.steps`."""
        return cls(
            model=str(document["model"]),
            inputs=dict(document["inputs"]),
            outputs=dict(document["outputs"]),
        )


@dataclass(frozen=True)
class Model:
    """One version of one model. `digest` None: not pinned, take what is there (a check).
    `credentials` is where its Secret is mounted, None where it needs none.

    `stated` says that the user wrote the digest; else an earlier look at the bytes, or the training
    that made them, found it. `format` and `recipe` are None where the user states none. A model
    with `steps` is an ensemble, which has no file: its `uri` is empty.
    """

    name: str
    version: int
    uri: str
    digest: str | None
    stated: bool
    credentials: Path | None
    max_batch_size: int
    dynamic_batching: DynamicBatching | None
    instances: tuple[Instances, ...]
    inputs: tuple[Tensor, ...] | None
    outputs: tuple[Tensor, ...] | None
    format: str | None = None
    recipe: str | None = None
    steps: tuple[Step, ...] = ()
    sequence_batching: SequenceBatching | None = None
    warmup: Warmup | None = None
    response_cache: bool = False
    optimization: Optimization | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    terms: Terms = field(default_factory=Terms)

    @property
    def members(self) -> frozenset[str]:
        """The models that an ensemble runs; none for any other model."""
        return frozenset(step.model for step in self.steps)

    @property
    def instance_count(self) -> int:
        """How many instances there are in all groups; Triton makes one where none is asked for."""
        return sum(group.count for group in self.instances) or 1

    def folder(self, models: Path) -> Path:
        """Where this version lies in the model repository `models`."""
        return models / self.name / str(self.version)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of the document's `models`."""
        name = str(document["name"])
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a model")
        steps = tuple(Step.parse(one) for one in (document.get("ensemble") or {}).get("steps", ()))
        return cls(
            name=name,
            version=int(document["version"]),
            uri="" if steps else str(document["uri"]),
            digest=document.get("digest"),
            stated=bool(document.get("stated")),
            credentials=Path(secret) if (secret := document.get("credentials")) else None,
            max_batch_size=int(document.get("maxBatchSize") or 0),
            dynamic_batching=_parsed(document, "dynamicBatching", DynamicBatching.parse),
            instances=tuple(Instances.parse(group) for group in document.get("instances") or ()),
            inputs=_tensors(document.get("inputs")),
            outputs=_tensors(document.get("outputs")),
            format=document.get("format"),
            recipe=document.get("recipe"),
            steps=steps,
            sequence_batching=_parsed(document, "sequenceBatching", SequenceBatching.parse),
            warmup=_parsed(document, "warmup", Warmup.parse),
            response_cache=bool(document.get("responseCache")),
            optimization=_parsed(document, "optimization", Optimization.parse),
            parameters=tuple(sorted((document.get("parameters") or {}).items())),
            labels=tuple(
                (output, tuple(values))
                for output, values in sorted((document.get("labels") or {}).items())
            ),
            terms=Terms.parse(document),
        )


@dataclass(frozen=True)
class Document:
    """What a serving pod (or a check) is to bring, and the Triton that it is for.

    An ensemble stands behind its members in `models`, which are else in the operator's order.
    `revision` is None in a check. `gpu` says that the Triton image can use GPUs at all, `gpus` how
    many the pod was granted (None: not said). `python_models` says that the platform allows models
    that are code of the user's own. Of two documents for the same pods the one with the greater
    `sequence` is the newer; 0 is what pods begin with.
    """

    namespace: str
    service: str
    revision: str | None
    backends: frozenset[str]
    gpu: bool
    gpus: int | None
    allowed_networks: tuple[str, ...]
    models: tuple[Model, ...]
    python_models: bool = False
    trust: PlatformTrust = field(default_factory=PlatformTrust)
    sequence: int = 0

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the JSON object. A document of another apiVersion raises ValueError."""
        if document.get("apiVersion") != API_VERSION:
            raise ValueError(f"expected apiVersion {API_VERSION}")
        triton = document.get("triton") or {}
        return cls(
            namespace=document["service"]["namespace"],
            service=document["service"]["name"],
            revision=document.get("revision"),
            backends=frozenset(triton.get("backends") or ()),
            gpu=bool(triton.get("gpu")),
            gpus=triton.get("gpus"),
            allowed_networks=tuple((document.get("network") or {}).get("allowedNetworks") or ()),
            models=_sorted([Model.parse(model) for model in document["models"]]),
            python_models=(document.get("security") or {}).get("allowPythonModels") is True,
            trust=PlatformTrust.parse(document.get("trust") or {}),
            sequence=int(document.get("sequence") or 0),
        )

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """From the JSON text; ValueError where it is none, or of another apiVersion."""
        document = json.loads(text)
        try:
            return cls.parse(document)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a document: {error!r}") from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the mounted document."""
        return cls.parse_text(path.read_text())


def _sorted(models: list[Model]) -> tuple[Model, ...]:
    """Members before the ensembles that run them."""
    done: dict[str, Model] = {}
    left = models
    while left:
        ready = [model for model in left if model.members <= done.keys()]
        if not ready:
            names = ", ".join(model.name for model in left)
            raise ValueError(f"members of the ensembles {names} are missing, or run each other")
        done |= {model.name: model for model in ready}
        left = [model for model in left if model.name not in done]
    return tuple(done.values())


def _parsed(document: Mapping[str, Any], field: str, parse: Callable[[Any], T]) -> T | None:
    """The value of a field that may be left out."""
    value = document.get(field)
    return None if value is None else parse(value)


def _tensors(documents: list[Mapping[str, Any]] | None) -> tuple[Tensor, ...] | None:
    return None if documents is None else tuple(Tensor.parse(document) for document in documents)
