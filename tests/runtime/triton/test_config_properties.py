"""Nothing in a name breaks out of `config.pbtxt`: what Triton's own parser reads back is what was
meant, for every name of a model and every name that a tensor can have in an ONNX file."""

from pathlib import Path

from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import DynamicBatching, Instances, Model
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton.config import Target, config

model_names = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}", fullmatch=True)
# Protocol buffers hold any Unicode text; a name may well be a piece of configuration.
tensor_names = st.one_of(
    st.text(min_size=1, max_size=60),
    st.sampled_from(
        [
            '"',
            "\\",
            "\n",
            "\0",
            '" } ] backend: "python" input [ { name: "',
            'x"\ninstance_group [ { kind: KIND_GPU } ]\n#',
            "# comment",
            "\u2028",
            '\\"',
        ]
    ),
)
tensors = st.builds(
    Tensor,
    name=tensor_names,
    data_type=st.sampled_from(["FP32", "INT64", "BOOL", "UINT8"]),
    shape=st.lists(st.integers(1, 2**31 - 1), max_size=4).map(lambda dims: (-1, *dims)),
)
signatures = st.builds(
    Signature,
    inputs=st.lists(tensors, min_size=1, max_size=4, unique_by=lambda one: one.name).map(tuple),
    outputs=st.lists(tensors, min_size=1, max_size=4, unique_by=lambda one: one.name).map(tuple),
)


@given(
    name=model_names,
    version=st.integers(1, 2**31 - 1),
    batch=st.integers(0, 4096),
    delay=st.one_of(st.none(), st.integers(0, 60_000_000)),
    groups=st.lists(
        st.builds(
            Instances, count=st.integers(1, 32), kind=st.sampled_from(["Auto", "GPU", "CPU"])
        ),
        max_size=3,
    ),
    signature=signatures,
    native=st.booleans(),
)
def test_what_triton_reads_is_what_was_meant(
    name: str,
    version: int,
    batch: int,
    delay: int | None,
    groups: list[Instances],
    signature: Signature,
    native: bool,
) -> None:
    batching = DynamicBatching(preferred_batch_sizes=(), max_queue_delay_microseconds=delay)
    model = Model(
        name=name,
        version=version,
        uri="s3://models/m.onnx",
        digest=None,
        stated=False,
        credentials=Path("/nowhere"),
        max_batch_size=batch,
        dynamic_batching=batching,
        instances=tuple(groups),
        inputs=None,
        outputs=None,
    )
    backends = frozenset({"onnxruntime", "python"} if native else {"python"})
    text = config(model, signature=signature, target=Target(backends=backends, gpu=False, cpus=4))
    read = text_format.Parse(text, pb.ModelConfig())

    assert read.name == name
    assert read.backend == ("onnxruntime" if native else "python")
    assert read.max_batch_size == batch
    assert [one.name for one in read.input] == [one.name for one in signature.inputs]
    assert [one.name for one in read.output] == [one.name for one in signature.outputs]
    leading = 1 if batch else 0
    assert [tuple(one.dims) for one in read.output] == [
        one.shape[leading:] or (1,) for one in signature.outputs
    ]
    assert list(read.version_policy.specific.versions) == [version]
    assert [group.count for group in read.instance_group] == [group.count for group in groups]
    assert set(read.parameters) <= {"intra_op_thread_count"}
    written = {field.name for field, _ in read.ListFields()}
    assert written <= {
        "name",
        "backend",
        "max_batch_size",
        "input",
        "output",
        "version_policy",
        "dynamic_batching",
        "instance_group",
        "default_model_filename",
        "parameters",
    }
