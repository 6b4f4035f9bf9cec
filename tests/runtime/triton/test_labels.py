"""Labels become lines of a file, and only outputs that have that many classes get it."""

from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.document import Document, Model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature, Tensor
from modelservice_runtime.triton import labels
from modelservice_runtime.triton.config import Target, config
from tests.runtime.examples import document, model_entry

TARGET = Target(backends=frozenset({"onnxruntime"}), gpu=False)
REAL = Signature(
    inputs=(Tensor("x", "FP32", (-1, 4)),),
    outputs=(
        Tensor("a", "FP32", (-1, 3)),
        Tensor("b", "INT64", (-1, -1)),
        Tensor("text", "BYTES", (-1, 1)),
        Tensor("yes", "FP32", (-1,)),
    ),
)


def model(*, batch: int = 8, **outputs: list[str]) -> Model:
    return Document.parse(document(model_entry(maxBatchSize=batch, labels=outputs))).models[0]


def made(wanted: Model) -> dict[str, str]:
    text = config(wanted, signature=REAL, target=TARGET)
    read: Any = text_format.Parse(text, pb.ModelConfig())
    return {one.name: one.label_filename for one in read.output}


def test_each_output_has_a_file_of_its_own() -> None:
    wanted = model(b=["x"], a=["cat", "dög", 'c"\\'])
    named, written = made(wanted), dict(labels.files(wanted))
    assert written == {named["a"]: 'cat\ndög\nc"\\\n', named["b"]: "x\n"}
    assert (named["text"], named["yes"]) == ("", "")
    assert all(labels.are_labels(name) and name.count("/") == 0 for name in written)


def test_other_labels_are_another_configuration() -> None:
    """What a reload compares: a file that was written over would go unnoticed."""
    assert made(model(b=["x"])) == made(model(b=["x"]))
    assert made(model(b=["x"])) != made(model(b=["y"]))


def test_an_output_without_an_axis_has_one_class() -> None:
    assert labels.are_labels(made(model(yes=["yes"]))["yes"])


def test_where_the_number_of_classes_varies_any_number_goes() -> None:
    assert labels.are_labels(made(model(batch=0, a=["x"]))["a"])


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"x": ["1"]}, "the model has no output x (it has a FP32 [-1, 3], b INT64 [-1, -1],"),
        ({"a": ["1", "2"]}, "a FP32 [-1, 3] has 3 classes, and 2 labels are given"),
        ({"text": ["1"]}, "text BYTES [-1, 1] is text, which has no classes"),
    ],
)
def test_labels_that_do_not_fit_are_told(outputs: dict[str, list[str]], told: str) -> None:
    with pytest.raises(Failure) as caught:
        made(model(**outputs))
    assert caught.value.reason is Reason.TENSOR_MISMATCH
    assert told in caught.value.message
