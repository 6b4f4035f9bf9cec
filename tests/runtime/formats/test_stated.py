"""Formats that only their own engine can read: what is stated of them, and what can be checked."""

from pathlib import Path

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import python_model, tensorrt
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature
from tests.runtime.formats.models import STATED, X, Y

PLAN = b"ftrt" + bytes(2000)
CODE = b"""
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return []
"""
READERS = {"plan": (tensorrt.read, PLAN), "code": (python_model.read, CODE)}


@pytest.mark.parametrize("kind", READERS)
def test_the_tensors_are_those_that_are_stated(kind: str, tmp_path: Path) -> None:
    read, content = READERS[kind]
    (tmp_path / "m").write_bytes(content)
    assert STATED.outputs is not None
    assert read(tmp_path / "m", STATED) == Signature(inputs=(X, Y), outputs=STATED.outputs)
    with pytest.raises(Failure, match="State them in spec") as caught:
        read(tmp_path / "m", Statement(inputs=(X,)))
    assert caught.value.reason is Reason.TENSORS_UNKNOWN


BAD = {
    "a cut plan": ("plan", PLAN[:100], "cut off"),
    "no Python": ("code", b"class TritonPythonModel:\n  def (", "is not Python"),
    "no text": ("code", b"class TritonPythonModel:\n\0", "is not Python"),
    "a deep expression": ("code", b"(" * 100_000, "is not Python"),
    "another class": ("code", CODE.replace(b"Triton", b"Other"), "has no class TritonPythonModel"),
    "no method": ("code", CODE.replace(b"execute", b"run"), "with a method execute"),
    "a class in a class": ("code", b"class A:\n  class TritonPythonModel: pass", "has no class"),
    "endless code": ("code", CODE + b"#" * 2**20, "more than 1048576 bytes"),
}


@pytest.mark.parametrize(("kind", "content", "told"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_served_is_explained(
    kind: str, content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(Failure, match=told) as caught:
        READERS[kind][0](tmp_path / "m", STATED)
    assert caught.value.reason is Reason.MODEL_INVALID


def test_nothing_of_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CODE + b"raise SystemExit('run')\n")
    python_model.read(tmp_path / "m", STATED)
