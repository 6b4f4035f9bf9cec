"""What makes a model answer faster, or fairer: warm-up, response cache, rate limiter, optimisation,
and parameters for the backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from modelservice_operator.api.scalars import Bool, TensorName
from modelservice_operator.api.scheduling import BatchSize
from modelservice_operator.api.schema import BY_NAME, Range, Rule, Schema, matches

# 256 MiB of the widest type: more is no sample but a load test.
WARMUP_ELEMENTS_MAX: Final = 2**25

# Parameters that fetch writes, or that would have Triton run something else than the model.
RESERVED_PARAMETERS: Final = (
    "EXECUTION_ENV_PATH",
    "FORCE_CPU_ONLY_INPUT_TENSORS",
    "INTRA_OP_THREAD_COUNT",
    "intra_op_thread_count",
)
_KEY: Final = "[A-Za-z0-9_.-]{1,64}"
_KEYS: Final = Rule[Mapping[str, str]](
    cel=f"self.all(key, key.matches(r'^(?:{_KEY})$'))",
    check=lambda entries: all(matches(_KEY, message="").check(key) for key in entries),
    message="keys must be at most 64 of A-Z, a-z, 0-9, '.', '_' and '-'",
)
_Value = Annotated[str, Field(strict=True, max_length=256)]

Parameters = Annotated[
    dict[str, _Value],
    Field(max_length=32),
    _KEYS,
    Rule[Mapping[str, str]](
        cel=f"!self.exists(key, key in {list(RESERVED_PARAMETERS)})",
        check=lambda entries: not any(key in RESERVED_PARAMETERS for key in entries),
        message=f"keys must not be {', '.join(RESERVED_PARAMETERS)}: these are the operator's",
    ),
]


class WarmupInput(Schema):
    """One input of the requests that warm a model up."""

    name: TensorName
    """The model's input."""

    shape: (
        Annotated[tuple[Annotated[int, Range(1, 1_000_000)], ...], Field(max_length=16)] | None
    ) = None
    """Its shape without the batch axis (with all axes where maxBatchSize is 0). The model's own
    when left out, with 1 for each axis of any length."""

    data: Literal["Zero", "Random"] = "Zero"
    """What it is filled with. Random numbers may be no valid input: indices, for instance."""


class Warmup(Schema):
    """Requests that Triton makes up and answers before a model counts as loaded."""

    batch_size: BatchSize = 1
    """Samples in a request; may not exceed maxBatchSize."""

    count: Annotated[int, Range(1, 1000)] = 1
    """How many requests each instance answers."""

    inputs: (
        Annotated[tuple[WarmupInput, ...], Field(min_length=1, max_length=64), BY_NAME] | None
    ) = None
    """Inputs that are not to be zeros of the model's own shape."""

    def late_problems(self) -> Iterable[tuple[str, str]]:
        for number, one in enumerate(self.inputs or ()):
            if math.prod(one.shape or ()) * self.batch_size > WARMUP_ELEMENTS_MAX:
                yield (
                    f".inputs[{number}].shape",
                    f"a batch of it has more than {WARMUP_ELEMENTS_MAX} elements: "
                    "make the shape or batchSize smaller",
                )


class ResponseCache(Schema):
    """Triton's response cache: equal requests are answered without the model."""

    enable: Bool = True
    """Keep this model's answers in the pod's cache (`serving.responseCacheSize`)."""


class RateLimiterResource(Schema):
    """Something that instances share, whatever its name stands for."""

    name: Annotated[
        str,
        Field(strict=True, min_length=1, max_length=63),
        matches(
            "[A-Za-z0-9_-]+", message="name of a resource must be of A-Z, a-z, 0-9, '_' and '-'"
        ),
    ]
    """Name of the resource. Models that name it share it."""

    count: Annotated[int, Range(1, 1000)]
    """How much of it one execution takes. There is as much as the greediest instance takes."""

    is_global: Annotated[Bool, Field(alias="global")] = False
    """One for all GPUs of the pod; else one for each."""


class RateLimiter(Schema):
    """When instances may run beside those of other models: Triton's rate limiter."""

    resources: (
        Annotated[tuple[RateLimiterResource, ...], Field(min_length=1, max_length=16), BY_NAME]
        | None
    ) = None
    """What an execution has to get hold of first."""

    priority: Annotated[int, Range(1, 1000)] = 1
    """Weight of waiting: an instance of priority 2 runs half as often as one of priority 1."""


class InstanceGroup(Schema):
    """A Triton instance group: copies of the model that run side by side in a pod."""

    count: Annotated[int, Range(1, 32)] = 1
    """Copies: for each GPU, or in all on CPU."""

    kind: Literal["Auto", "GPU", "CPU"] = "Auto"
    """Where they run. Auto: on the pod's GPUs if it has any, else on CPU."""

    rate_limiter: RateLimiter | None = None
    """Resources and priority of each copy."""


class Accelerator(Schema):
    """A library that runs the model, or parts of it, in place of onnxruntime's own kernels."""

    name: Literal["TensorRT", "OpenVINO"]
    """TensorRT on GPUs, OpenVINO on CPUs."""

    parameters: Annotated[dict[str, _Value], Field(max_length=32), _KEYS] | None = None
    """Its parameters in onnxruntime's words, such as precision_mode: FP16."""


class Optimization(Schema):
    """How onnxruntime prepares the model, and how Triton moves tensors. graphLevel and
    accelerators need a Triton image with the onnxruntime backend."""

    graph_level: Annotated[int, Range(-1, 2)] | None = None
    """onnxruntime's graph optimisations: -1 basic, 1 extended, 2 none; all when left out."""

    accelerators: (
        Annotated[tuple[Accelerator, ...], Field(min_length=1, max_length=2), BY_NAME] | None
    ) = None
    """Accelerators, the first that can run a part of the model first."""

    input_pinned_memory: Bool | None = None
    """Use pinned memory for inputs on their way to a GPU; Triton does when left out."""

    output_pinned_memory: Bool | None = None
    """Use pinned memory for outputs on their way from a GPU; Triton does when left out."""

    def uses(self, name: str) -> bool:
        """Whether it has this accelerator."""
        return any(one.name == name for one in self.accelerators or ())
