"""Whatever the API accepts becomes a `config.pbtxt` that Triton's parser reads back as it was
meant: the whole way of a spec, through the operator's document, with names and texts that look
like configuration themselves."""

from typing import Any

from google.protobuf import text_format
from hypothesis import assume, given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_operator.api import Model as Stated
from modelservice_operator.api import parse_service
from modelservice_operator.desired.model_config import model_config
from modelservice_runtime.document import Model
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton import ensemble
from modelservice_runtime.triton.config import Target, config
from modelservice_runtime.triton.labels import files
from tests.world import service

NATIVE = Target(backends=frozenset({"onnxruntime", "python"}), gpu=True, gpus=1, cpus=4)
HOSTILE = [
    '"',
    "\\",
    "\0",
    '" } ] backend: "python" input [ { name: "',
    'x"\ninstance_group [ { kind: KIND_GPU } ]\n#',
    "# comment",
    "\u2028",
    '\\"',
    "ü猫",
]
names = st.one_of(st.text(min_size=1, max_size=20), st.sampled_from(HOSTILE))
lines = names.filter(lambda text: not {"\n", "\r"} & set(text))
values = st.one_of(st.just(""), names)
keys = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True).filter(
    lambda key: key not in {"intra_op_thread_count", "EXECUTION_ENV_PATH"}
)
parameters = st.dictionaries(keys, values, max_size=4)
durations = st.sampled_from(["1us", "500us", "1s", "1m"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object that has any of its fields."""
    return st.fixed_dictionaries({}, optional=fields)


policies = some(
    timeoutAction=st.sampled_from(["Reject", "Delay"]),
    defaultTimeout=durations,
    allowTimeoutOverride=st.booleans(),
    maxQueueSize=st.integers(1, 1_000_000),
)
dynamic = some(
    preferredBatchSizes=st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True),
    maxQueueDelay=durations,
    queuePolicy=policies,
).flatmap(
    lambda plain: st.one_of(
        st.just(plain),
        st.just({"preserveOrdering": True, "queuePolicy": {"maxQueueSize": 7}}),
        st.builds(
            lambda levels, policy: {
                **plain,
                "priorityLevels": levels,
                "defaultPriorityLevel": levels,
                "priorityQueuePolicies": [{"level": levels, "policy": policy}],
            },
            st.integers(1, 16),
            policies,
        ),
    )
)
sequence = st.one_of(
    some(direct=some(maxQueueDelay=durations, minimumSlotUtilization=st.just("0.5"))),
    st.fixed_dictionaries(
        {
            "strategy": st.just("Oldest"),
            "oldest": st.fixed_dictionaries(
                {"maxCandidateSequences": st.integers(1, 65_536)},
                optional={"maxQueueDelay": durations, "preserveOrdering": st.booleans()},
            ),
        },
        optional={"maxSequenceIdle": durations},
    ),
)
groups = st.fixed_dictionaries(
    {"kind": st.sampled_from(["Auto", "CPU", "GPU"]), "count": st.integers(1, 32)},
    optional={
        "rateLimiter": some(
            priority=st.integers(1, 1000),
            resources=st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.from_regex(r"[A-Za-z0-9_-]{1,63}", fullmatch=True),
                        "count": st.integers(1, 1000),
                    }
                ),
                min_size=1,
                max_size=2,
                unique_by=lambda one: one["name"],
            ),
        )
    },
)
optimizations = some(
    graphLevel=st.integers(-1, 2),
    accelerators=st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["TensorRT", "OpenVINO"]), "parameters": parameters}
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda one: one["name"],
    ),
    inputPinnedMemory=st.booleans(),
    outputPinnedMemory=st.booleans(),
)
tensors = st.builds(
    Tensor,
    name=names,
    data_type=st.sampled_from(["FP32", "INT64", "BOOL", "BYTES"]),
    shape=st.lists(st.sampled_from([-1, 1, 3]), max_size=3).map(lambda dims: (-1, *dims)),
)
sides = st.lists(tensors, min_size=1, max_size=3, unique_by=lambda one: one.name).map(tuple)


@st.composite
def specs(draw: st.DrawFn) -> tuple[dict[str, Any], Signature]:
    """A model with any settings that fit its tensors."""
    real = Signature(inputs=draw(sides), outputs=draw(sides))
    model: dict[str, Any] = draw(
        some(
            instances=st.lists(groups, min_size=1, max_size=3),
            parameters=parameters,
            optimization=optimizations,
        )
    )
    if draw(st.booleans()):
        model |= draw(some(dynamicBatching=dynamic, responseCache=st.just({})))
    else:
        model |= draw(some(sequenceBatching=sequence))
    if draw(st.booleans()):
        chosen = draw(st.sampled_from(real.inputs))
        shape = [2 if length == -1 else length for length in chosen.shape[1:]]
        data = draw(st.sampled_from(["Zero", "Random"]))
        one = {"name": chosen.name, "shape": shape, "data": data}
        model["warmup"] = {"batchSize": draw(st.integers(1, 8)), "inputs": [one]}
    labelled = [one for one in real.outputs if one.data_type != "BYTES" and -1 in one.shape[1:]]
    if labelled:
        texts = draw(st.lists(lines, min_size=1, max_size=4))
        model["labels"] = [{"output": labelled[0].name, "values": texts}]
    return {"name": "m", "maxBatchSize": 8, "source": {"uri": "s3://b-1/m"}, **model}, real


def stated(spec: dict[str, Any]) -> Stated:
    return parse_service(service(models=[spec], gpu={"count": 1})).spec.models[0]


def document(model: Stated) -> Model:
    """What the runtime makes of the operator's document."""
    head = {"name": model.name, "version": 1, "uri": "s3://b-1/m", "credentials": "/nowhere"}
    return Model.parse({**head, **model_config(model)})


@given(specs())
def test_settings_mean_in_triton_what_the_spec_says(made: tuple[dict[str, Any], Signature]) -> None:
    spec, real = made
    model = stated(spec)
    wanted = document(model)
    text = config(wanted, signature=real, target=NATIVE)
    read: Any = text_format.Parse(text, pb.ModelConfig())
    assert text_format.MessageToString(read) == text

    assert (read.name, read.backend, read.max_batch_size) == ("m", "onnxruntime", 8)
    assert [one.name for one in read.input] == [one.name for one in real.inputs]
    own = {key: one.string_value for key, one in read.parameters.items()}
    own.pop("intra_op_thread_count", None)
    assert own == spec.get("parameters", {})
    assert read.response_cache.enable == model.caches
    _batching_is_right(read, spec=spec)
    _instances_are_right(read, spec=spec)
    _optimization_is_right(read, spec=spec)
    _warmup_is_right(read, spec=spec, real=real)
    _labels_are_right(read, spec=spec, written=dict(files(wanted)))


def _batching_is_right(read: Any, *, spec: dict[str, Any]) -> None:
    chosen = {"dynamicBatching": "dynamic_batching", "sequenceBatching": "sequence_batching"}
    (wanted,) = [field for key, field in chosen.items() if key in spec] or [None]
    assert read.WhichOneof("scheduling_choice") == wanted
    stated = spec.get("dynamicBatching", {})
    policy, got = stated.get("queuePolicy", {}), read.dynamic_batching.default_queue_policy
    assert got.max_queue_size == policy.get("maxQueueSize", 0)
    assert got.timeout_action == (policy.get("timeoutAction") == "Delay")
    assert (got.default_timeout_microseconds > 0) == ("defaultTimeout" in policy)
    levels = {one["level"] for one in stated.get("priorityQueuePolicies", ())}
    assert set(read.dynamic_batching.priority_queue_policy) == levels
    oldest = spec.get("sequenceBatching", {}).get("oldest", {})
    wanted_sequences = oldest.get("maxCandidateSequences", 0)
    assert read.sequence_batching.oldest.max_candidate_sequences == wanted_sequences


def _instances_are_right(read: Any, *, spec: dict[str, Any]) -> None:
    stated = spec.get("instances", [{"count": 1}])
    assert [one.count for one in read.instance_group] == [one["count"] for one in stated]
    assert [
        {item.name: item.count for item in one.rate_limiter.resources}
        for one in read.instance_group
    ] == [
        {item["name"]: item["count"] for item in one.get("rateLimiter", {}).get("resources", ())}
        for one in stated
    ]


def _optimization_is_right(read: Any, *, spec: dict[str, Any]) -> None:
    stated = spec.get("optimization", {})
    got = read.optimization
    assert got.graph.level == stated.get("graphLevel", 0)
    both = got.execution_accelerators
    assert {
        one.name: dict(one.parameters)
        for one in (*both.gpu_execution_accelerator, *both.cpu_execution_accelerator)
    } == {one["name"].lower(): one["parameters"] for one in stated.get("accelerators", ())}


def _warmup_is_right(read: Any, *, spec: dict[str, Any], real: Signature) -> None:
    if "warmup" not in spec:
        assert not read.model_warmup
        return
    (sample,) = read.model_warmup
    (one,) = spec["warmup"]["inputs"]
    assert set(sample.inputs) == {tensor.name for tensor in real.inputs}
    assert list(sample.inputs[one["name"]].dims) == (one["shape"] or [1])
    assert sample.inputs[one["name"]].random_data == (one["data"] == "Random")


def _labels_are_right(read: Any, *, spec: dict[str, Any], written: dict[str, str]) -> None:
    named = {one.name: one.label_filename for one in read.output if one.label_filename}
    stated = {one["output"]: one["values"] for one in spec.get("labels", ())}
    assert set(named) == set(stated)
    assert {output: written[file].split("\n")[:-1] for output, file in named.items()} == stated


maps = st.dictionaries(names, names, min_size=1, max_size=4)


@given(inputs=maps, outputs=maps)
def test_a_step_of_any_names_means_in_triton_what_the_spec_says(
    inputs: dict[str, str], outputs: dict[str, str]
) -> None:
    made = list(outputs.values())
    assume(len(set(made)) == len(made) and not set(made) & set(inputs.values()))
    step = {"model": "m", "inputs": inputs, "outputs": outputs}
    whole = {"name": "whole", "ensemble": {"steps": [step]}}
    member = {"name": "m", "source": {"uri": "s3://b-1/m"}}
    (model, _) = parse_service(service(models=[whole, member])).spec.models
    wanted = Model.parse({"name": "whole", "version": 1, **model_config(model)})
    real = Signature(
        inputs=tuple(Tensor(name, "FP32", (4,)) for name in inputs),
        outputs=tuple(Tensor(name, "FP32", (4,)) for name in outputs),
    )
    text = config(wanted, signature=ensemble.signature(wanted, members={"m": real}), target=NATIVE)
    read: Any = text_format.Parse(text, pb.ModelConfig())
    assert text_format.MessageToString(read) == text
    (got,) = read.ensemble_scheduling.step
    assert (read.platform, read.backend, got.model_name) == ("ensemble", "", "m")
    assert (dict(got.input_map), dict(got.output_map)) == (inputs, outputs)
    assert {one.name for one in read.input} == set(inputs.values())
    assert {one.name for one in read.output} == set(outputs.values())
