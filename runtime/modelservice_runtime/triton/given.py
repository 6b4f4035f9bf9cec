"""What a model's own `config.pbtxt` says, where its folder comes from somebody's Triton repository.

Taken over is what a ModelService could state too, within the same bounds, and the ModelService's
word wins. What it could not state is refused by name, not dropped: Triton's schema has fields that
load libraries and run programs, and a model that lost its settings would answer otherwise.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Instances, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.scheduling import DynamicBatching, QueuePolicy
from modelservice_runtime.tensors import ANY, Tensor
from modelservice_runtime.tuning import Optimization, RateLimiter, Resource

NAME = "config.pbtxt"
LIMIT_BYTES = 64 * 2**10

# As the API bounds them.
_LARGEST_BATCH = 4096
_MOST_GROUPS, _MOST_INSTANCES = 8, 32
_MOST_PARAMETERS, _LONGEST_PARAMETER = 32, 256
# What Triton would run in place of the model, and what is set here.
_RESERVED = frozenset(
    {
        *("EXECUTION_ENV_PATH", "FORCE_CPU_ONLY_INPUT_TENSORS"),
        *("INTRA_OP_THREAD_COUNT", "intra_op_thread_count"),
    }
)
_KINDS = {
    pb.ModelInstanceGroup.KIND_AUTO: "Auto",
    pb.ModelInstanceGroup.KIND_CPU: "CPU",
    pb.ModelInstanceGroup.KIND_GPU: "GPU",
}
_DEFAULT = (Instances(),)  # what a document has where nothing is stated


@dataclass(frozen=True)
class Given:
    """The settings of a `config.pbtxt`; `file` is the model's, in its version's folder.

    `inputs` and `outputs` have the model's own shapes, batch axis included.
    """

    max_batch_size: int = 0
    dynamic_batching: DynamicBatching | None = None
    instances: tuple[Instances, ...] = ()
    response_cache: bool = False
    optimization: Optimization | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    file: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From the file. Raises `Failure`: `ModelInvalid`, `FormatUnsupported`."""
        message = _message(data)
        _require_known(
            message,
            known=(
                *("name", "platform", "backend", "version_policy", "default_model_filename"),
                *("input", "output", "max_batch_size", "dynamic_batching", "instance_group"),
                *("response_cache", "optimization", "parameters"),
            ),
        )
        largest = _bounded(message.max_batch_size, 0, _LARGEST_BATCH, what="max_batch_size")
        return cls(
            max_batch_size=largest,
            dynamic_batching=_batching(message, largest=largest),
            instances=tuple(_instances(message)),
            response_cache=message.response_cache.enable,
            optimization=_optimization(message),
            parameters=tuple(sorted(_parameters(message))),
            inputs=_tensors(message.input, batches=largest > 0),
            outputs=_tensors(message.output, batches=largest > 0),
            file=message.default_model_filename,
        )

    def under(self, model: Model) -> Model:
        """The model with what it does not state itself."""
        return replace(
            model,
            max_batch_size=model.max_batch_size or self.max_batch_size,
            dynamic_batching=model.dynamic_batching or self.dynamic_batching,
            instances=self.instances or model.instances
            if model.instances == _DEFAULT
            else model.instances,
            response_cache=model.response_cache or self.response_cache,
            optimization=model.optimization or self.optimization,
            parameters=tuple(sorted({**dict(self.parameters), **dict(model.parameters)}.items())),
        )


def _message(data: bytes) -> Any:
    if len(data) > LIMIT_BYTES:
        raise _invalid(f"it has more than {LIMIT_BYTES // 2**10} KiB")
    try:
        return text_format.Parse(data.decode(), pb.ModelConfig())
    except UnicodeDecodeError:
        raise _invalid("it is not UTF-8") from None
    except text_format.ParseError as error:
        raise _invalid(str(error)[:200]) from None
    except RecursionError:
        raise _invalid("it is nested too deeply") from None


def _require_known(message: Any, *, known: Collection[str], where: str = "") -> None:
    unknown = [field.name for field, _ in message.ListFields() if field.name not in known]
    if unknown:
        raise _refused(", ".join(f"{where}{name}" for name in unknown))


def _batching(message: Any, *, largest: int) -> DynamicBatching | None:
    if not message.HasField("dynamic_batching"):
        return None
    one = message.dynamic_batching
    for size in one.preferred_batch_size:
        _bounded(size, 1, max(1, largest), what="preferred_batch_size")
    levels = {field.name for field, _ in one.ListFields()}
    policies = sorted(one.priority_queue_policy.items())
    return DynamicBatching(
        preferred_batch_sizes=tuple(sorted(set(one.preferred_batch_size))),
        max_queue_delay_microseconds=one.max_queue_delay_microseconds or None,
        preserve_ordering=one.preserve_ordering,
        priority_levels=one.priority_levels if "priority_levels" in levels else None,
        default_priority_level=(
            one.default_priority_level if "default_priority_level" in levels else None
        ),
        queue_policy=(
            _policy(one.default_queue_policy) if one.HasField("default_queue_policy") else None
        ),
        priority_queue_policies=tuple((level, _policy(policy)) for level, policy in policies),
    )


def _policy(message: Any) -> QueuePolicy:
    return QueuePolicy(
        delay=message.timeout_action == pb.ModelQueuePolicy.DELAY,
        default_timeout_microseconds=message.default_timeout_microseconds,
        allow_timeout_override=message.allow_timeout_override,
        max_queue_size=message.max_queue_size,
    )


def _instances(message: Any) -> Iterator[Instances]:
    _bounded(len(message.instance_group), 0, _MOST_GROUPS, what="instance_group")
    for one in message.instance_group:
        where = "instance_group."
        _require_known(one, known=("name", "kind", "count", "rate_limiter"), where=where)
        if one.kind not in _KINDS:
            raise _refused(f"{where}kind {pb.ModelInstanceGroup.Kind.Name(one.kind)}")
        yield Instances(
            count=_bounded(one.count or 1, 1, _MOST_INSTANCES, what=f"{where}count"),
            kind=_KINDS[one.kind],
            rate_limiter=_limiter(one.rate_limiter) if one.HasField("rate_limiter") else None,
        )


def _limiter(message: Any) -> RateLimiter:
    return RateLimiter(
        priority=message.priority or 1,
        resources=tuple(
            Resource(name=one.name, count=one.count, is_global=getattr(one, "global"))
            for one in message.resources
        ),
    )


def _optimization(message: Any) -> Optimization | None:
    if not message.HasField("optimization"):
        return None
    one = message.optimization
    known = ("graph", "input_pinned_memory", "output_pinned_memory")
    _require_known(one, known=known, where="optimization.")
    _require_known(one.graph, known=("level",), where="optimization.graph.")
    has = {field.name for field, _ in one.ListFields()}
    return Optimization(
        graph_level=one.graph.level if "graph" in has else None,
        input_pinned_memory=one.input_pinned_memory.enable if known[1] in has else None,
        output_pinned_memory=one.output_pinned_memory.enable if known[2] in has else None,
    )


def _parameters(message: Any) -> Iterator[tuple[str, str]]:
    _bounded(len(message.parameters), 0, _MOST_PARAMETERS, what="parameters")
    for key, value in message.parameters.items():
        if key in _RESERVED:
            raise _refused(f"parameters.{key}")
        if max(len(key), len(value.string_value)) > _LONGEST_PARAMETER:
            raise _invalid(f"a parameter is longer than {_LONGEST_PARAMETER} characters")
        yield key, value.string_value


def _tensors(field: Any, *, batches: bool) -> tuple[Tensor, ...] | None:
    """None where the file does not say: Triton then reads them from the model too."""
    return tuple(_tensor(one, batches=batches) for one in field) or None


def _tensor(message: Any, *, batches: bool) -> Tensor:
    where = f"{message.name}."
    _require_known(message, known=("name", "data_type", "dims", "reshape", "format"), where=where)
    word = pb.DataType.Name(message.data_type).removeprefix("TYPE_")
    inside = message.reshape.shape if message.HasField("reshape") else message.dims
    return Tensor(
        name=message.name,
        data_type="BYTES" if word == "STRING" else word,
        shape=(*((ANY,) if batches else ()), *inside),
    )


def _bounded(value: int, least: int, most: int, *, what: str) -> int:
    if not least <= value <= most:
        raise _invalid(f"{what} is {value}, which is not from {least} to {most}")
    return value


def _refused(what: str) -> Failure:
    return Failure(
        reason=Reason.FORMAT_UNSUPPORTED,
        message=f"Its {NAME} has {what}, which is not taken over from a file. Take it out, and "
        "state in spec.models[] what is wanted of it.",
    )


def _invalid(problem: str) -> Failure:
    return Failure(reason=Reason.MODEL_INVALID, message=f"Its {NAME} cannot be used: {problem}.")
