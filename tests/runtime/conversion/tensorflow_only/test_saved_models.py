"""Of a SavedModel one signature is loaded; whatever else is in it is not even read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.conversion.convert import convert
from modelservice_runtime.conversion.saved_program import parsed
from modelservice_runtime.conversion.workspace import SAVED_MODEL, Source, Workspace
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.tensorflow_only import models

Keep = Callable[[Any, str], Workspace]
SPEC = tf.TensorSpec((None, 3), tf.float32, name="x")


class Module(tf.Module):  # type: ignore[misc]  # TensorFlow has no types here
    """A module whose signature is a function of its one variable."""

    def __init__(self, body: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.weight = tf.Variable([1.0, 2.0, 3.0], name="weight")
        self._body = body

    @tf.function(input_signature=[SPEC])  # type: ignore[untyped-decorator]
    def serve(self, x: Any) -> Any:
        return {"y": self._body(x, self.weight)}


@pytest.fixture
def save(workspace: Workspace) -> Callable[..., Workspace]:
    """Save a module with its signatures."""

    def saved(module: Any, **signatures: Any) -> Workspace:
        tf.saved_model.save(module, str(workspace.source), signatures=signatures or None)
        workspace.acquired(Source(format="SavedModel", digest="sha256:0", size=1))
        return workspace

    return saved


Save = Callable[..., Workspace]


def refused(workspace: Workspace, *, told: str, reason: Reason) -> None:
    with pytest.raises(Failure, match=told) as caught:
        convert(workspace)
    assert caught.value.reason is reason
    assert not (workspace.onnx.parent / "report.json").exists()


def tensors(workspace: Workspace) -> tuple[list[str], list[str]]:
    signature = onnx_model.read(workspace.onnx)
    return list(map(str, signature.inputs)), list(map(str, signature.outputs))


def python(x: Any, weight: Any) -> Any:
    return tf.reshape(tf.py_function(lambda one: one, [x], tf.float32), (-1, 3)) * weight


def numpy(x: Any, weight: Any) -> Any:
    return tf.reshape(tf.numpy_function(lambda one: one, [x], tf.float32), (-1, 3)) * weight


def read(x: Any, weight: Any) -> Any:
    secret = tf.strings.length(tf.io.read_file("/etc/passwd"))
    return x * weight + tf.cast(secret, tf.float32)


def write(x: Any, weight: Any) -> Any:
    with tf.control_dependencies([tf.io.write_file("/tmp/written", "x")]):
        return x * weight


def listed(x: Any, weight: Any) -> Any:
    return x * weight + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def printed(x: Any, weight: Any) -> Any:
    with tf.control_dependencies([tf.print(x, output_stream="file:///tmp/printed")]):
        return x * weight


def restored(x: Any, weight: Any) -> Any:
    return (
        x * weight
        + tf.raw_ops.RestoreV2(
            prefix="/tmp/other", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def lines(x: Any, weight: Any) -> Any:
    dataset = tf.data.TextLineDataset("/etc/passwd").map(tf.strings.length)
    return x * weight + tf.cast(dataset.reduce(0, tf.add), tf.float32)


def in_a_branch(x: Any, weight: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 1e9, lambda: read(x, weight), lambda: x * weight)


def in_a_loop(x: Any, weight: Any) -> Any:
    return tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, read(y, weight)), [0, x])[1]


BODIES = {
    one.__name__: (one, operator)
    for one, operator in (
        (python, "EagerPyFunc"),
        (numpy, "PyFunc"),
        (read, "ReadFile"),
        (write, "WriteFile"),
        (listed, "MatchingFiles"),
        (printed, "PrintV2|StringFormat"),
        (restored, "RestoreV2"),
        (lines, r"\w*Dataset\w*"),
        (in_a_branch, "ReadFile"),
        (in_a_loop, "ReadFile"),
    )
}


@pytest.mark.parametrize(("body", "operator"), BODIES.values(), ids=BODIES.keys())
def test_what_does_more_than_calculate_is_not_loaded(
    body: Callable[[Any, Any], Any], operator: str, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Module(body)
    workspace = save(module, serving_default=module.serve)
    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "load", lambda path: pytest.fail("it was loaded"))
        refused(workspace, told=f"the operator ({operator})", reason=Reason.UNSAFE_CONTENT)


def times(x: Any, weight: Any) -> Any:
    return x * weight


def test_what_the_signature_does_not_call_is_left_out(save: Save, tmp_path: Path) -> None:
    """Functions of a training, initializers and savers are part of every old model."""
    written = tmp_path / "written"

    class Larger(Module):
        @tf.function(input_signature=[SPEC])  # type: ignore[untyped-decorator]
        def train(self, x: Any) -> Any:
            tf.io.write_file(str(written), "x")
            return {"y": read(x, self.weight)}

    module = Larger(times)
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a"], [1]), default_value=0
    )
    module.words = tf.saved_model.Asset(_file(tmp_path / "words.txt"))
    workspace = save(module, serving_default=module.serve, train=module.train)
    convert(workspace)
    assert tensors(workspace) == (["x FP32 [-1, 3]"], ["y FP32 [-1, 3]"])
    assert not written.exists()
    cut = (workspace.prepared / "answering" / SAVED_MODEL).read_bytes()
    for operator in (b"WriteFile", b"ReadFile", b"SaveV2", b"HashTableV2", b"words.txt"):
        assert operator in (workspace.source / SAVED_MODEL).read_bytes()
        assert operator not in cut


def test_an_initializer_is_not_run(save: Save, tmp_path: Path) -> None:
    """TensorFlow runs what resources call their initialization when a model is loaded."""
    written = tmp_path / "written"

    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.int64)

        def _initialize(self) -> None:
            tf.io.write_file(str(written), "x")

        def _destroy_resource(self) -> None:
            pass

    module = Module(times)
    module.resource = Resource()
    workspace = save(module, serving_default=module.serve)
    written.unlink(missing_ok=True)
    tf.saved_model.load(str(workspace.source))
    assert written.exists(), "the attack does not work any more: find another"
    written.unlink()
    convert(workspace)
    assert not written.exists()


def _file(path: Path) -> str:
    path.write_text("words")
    return str(path)


def changed(workspace: Workspace, change: Callable[[Any], None]) -> None:
    saved = saved_model_pb2.SavedModel()
    path = workspace.source / SAVED_MODEL
    saved.ParseFromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


def called_as_an_operator(graph: Any) -> None:
    """A function with the name of an operator that calculates, which does more."""
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == "Mul":
                node.op = "Tanh"
                node.attr.clear()
    smuggled = graph.graph_def.library.function.add()
    smuggled.signature.name = "Tanh"


def test_a_function_is_no_operator(save: Save) -> None:
    module = Module(times)
    workspace = save(module, serving_default=module.serve)
    changed(workspace, called_as_an_operator)
    refused(workspace, told="with the name of the operator Tanh", reason=Reason.UNSAFE_CONTENT)


def passed_on(graph: Any) -> None:
    """A function that is named only as an argument of another."""
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.attr["f"].func.name:
                node.attr["f"].func.attr["g"].func.name = "nobody"


def test_functions_that_are_passed_on_are_judged_too(save: Save) -> None:
    module = Module(times)
    workspace = save(module, serving_default=module.serve)
    changed(workspace, passed_on)
    refused(workspace, told="calls the function nobody", reason=Reason.MODEL_INVALID)


def without_functions(graph: Any) -> None:
    del graph.graph_def.library.function[:]


def captures_nothing(graph: Any) -> None:
    for function in graph.object_graph_def.concrete_functions.values():
        function.bound_inputs[:] = [9999] * len(function.bound_inputs)


def captures_the_root(graph: Any) -> None:
    for function in graph.object_graph_def.concrete_functions.values():
        function.bound_inputs[:] = [0] * len(function.bound_inputs)


def nameless(graph: Any) -> None:
    for node in graph.object_graph_def.nodes:
        if node.HasField("bare_concrete_function"):
            node.bare_concrete_function.concrete_function_name = "nobody"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_functions, Reason.MODEL_INVALID),
        (captures_nothing, Reason.MODEL_INVALID),
        (captures_the_root, Reason.CONVERSION_FAILED),
        (nameless, Reason.MODEL_INVALID),
    ],
)
def test_what_does_not_hang_together_is_told(
    change: Callable[[Any], None], reason: Reason, save: Save
) -> None:
    module = Module(times)
    workspace = save(module, serving_default=module.serve)
    changed(workspace, change)
    refused(workspace, told=".", reason=reason)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_half_a_file_is_told(part: float, keep: Keep) -> None:
    workspace = keep(models.dense(), "saved")
    path = workspace.source / SAVED_MODEL
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refused(workspace, told="damaged or cut off", reason=Reason.MODEL_INVALID)


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("part", [0, 0.5])
def test_half_of_the_weights_is_told(part: float, name: str, keep: Keep) -> None:
    workspace = keep(models.dense(), "saved")
    path = workspace.source / "variables" / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refused(workspace, told="TensorFlow cannot load", reason=Reason.MODEL_INVALID)


def test_no_weights_at_all_are_told(keep: Keep) -> None:
    workspace = keep(models.dense(), "saved")
    for path in (workspace.source / "variables").iterdir():
        path.unlink()
    refused(workspace, told="TensorFlow cannot load", reason=Reason.MODEL_INVALID)


def test_the_only_signature_is_converted_whatever_its_name(save: Save) -> None:
    module = Module(times)
    workspace = save(module, predict=module.serve)
    convert(workspace)
    assert tensors(workspace) == (["x FP32 [-1, 3]"], ["y FP32 [-1, 3]"])


def test_of_several_signatures_none_is_guessed(save: Save) -> None:
    module = Module(times)
    workspace = save(module, predict=module.serve, embed=module.serve)
    refused(workspace, told="signatures embed, predict, and", reason=Reason.CONVERSION_FAILED)


def test_without_a_signature_it_is_told_how_to_save(save: Save) -> None:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    refused(save(module), told="it has no signature", reason=Reason.CONVERSION_FAILED)


def test_tensorflow_1_is_told_how_to_save(workspace: Workspace) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 3), name="x")
        tf.compat.v1.saved_model.simple_save(
            session, f"{workspace.source}/old", {"x": x}, {"y": x * 2.0}
        )
    (workspace.source / "old" / SAVED_MODEL).rename(workspace.source / SAVED_MODEL)
    workspace.acquired(Source(format="SavedModel", digest="sha256:0", size=1))
    refused(workspace, told="as TensorFlow 1 did", reason=Reason.CONVERSION_FAILED)


def test_a_table_that_the_signature_uses_is_told(save: Save) -> None:
    module = Module(times)
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer([0, 1], [1.0, 2.0], tf.int64, tf.float32), 0.0
    )

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, name="x")])
    def serve(x: Any) -> Any:
        return {"y": module.table.lookup(x)}

    workspace = save(module, serving_default=serve)
    with pytest.raises(Failure, match=r"LookupTableFindV2|a table, a file of words"):
        convert(workspace)


def test_text_is_not_converted(save: Save) -> None:
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def serve(text: Any) -> Any:
        return {"text": tf.identity(text)}

    workspace = save(tf.Module(), serving_default=serve)
    refused(workspace, told="its input text is of type", reason=Reason.CONVERSION_FAILED)


def test_constants_come_along(save: Save) -> None:
    """A tensor that a function captured is kept in the graph, beside the functions."""
    module = Module(times)
    captured = tf.constant([10.0, 20.0, 30.0])

    @tf.function(input_signature=[SPEC])
    def serve(x: Any) -> Any:
        return {"y": x * module.weight + captured}

    convert(save(module, serving_default=serve))


def test_a_model_without_variables_is_converted(save: Save) -> None:
    @tf.function(input_signature=[SPEC])
    def serve(x: Any) -> Any:
        return {"y": tf.nn.relu(x)}

    convert(save(tf.Module(), serving_default=serve))


def test_a_model_that_answers_by_chance_is_not_believed(save: Save) -> None:
    module = Module(lambda x, weight: x * weight + tf.random.normal((3,)))
    workspace = save(module, serving_default=module.serve)
    refused(workspace, told="in its output y, the largest", reason=Reason.CONVERSION_DIFFERS)


def test_the_batch_stays_as_it_was(save: Save) -> None:
    @tf.function(input_signature=[tf.TensorSpec((4, 3), tf.float32, name="x")])
    def serve(x: Any) -> Any:
        return {"y": tf.nn.relu(x)}

    workspace = save(tf.Module(), serving_default=serve)
    convert(workspace)
    assert tensors(workspace) == (["x FP32 [4, 3]"], ["y FP32 [4, 3]"])


def test_types_of_numbers_are_kept(save: Save) -> None:
    specs = [
        tf.TensorSpec((None,), dtype, name=name)
        for name, dtype in (("flag", tf.bool), ("count", tf.int64), ("half", tf.float16))
    ]

    @tf.function(input_signature=specs)
    def serve(flag: Any, count: Any, half: Any) -> Any:
        return {"y": tf.where(flag, tf.cast(count, tf.float32), tf.cast(half, tf.float32))}

    workspace = save(tf.Module(), serving_default=serve)
    convert(workspace)
    found, _ = tensors(workspace)
    assert sorted(found) == ["count INT64 [-1]", "flag BOOL [-1]", "half FP16 [-1]"]


def test_keras_and_module_can_be_told_from_what_they_hold(keep: Keep) -> None:
    """The optimizer of a compiled model is not what TensorFlow is given."""
    model = models.dense()
    model.compile("adam", "mse")
    model.fit(tf.zeros((4, 10)), tf.zeros((4, 1)), verbose=0)
    workspace = keep(model, "saved")
    convert(workspace)
    graph = parsed(workspace.prepared / "answering" / SAVED_MODEL)
    kinds = [node.WhichOneof("kind") for node in graph.object_graph_def.nodes]
    assert kinds.count("variable") == len(model.weights)
    assert isinstance(model, keras.Model)
