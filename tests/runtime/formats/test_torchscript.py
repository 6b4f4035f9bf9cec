"""A TorchScript archive: safe, and in agreement with the tensors that the spec states."""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import torchscript
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Signature, Tensor
from tests.runtime.formats.models import FILES, SCRIPTS, STATED, SUM, H, X, Y, changed, member

NAME = SCRIPTS[0]
CODE = "code/__torch__.py"
Read = Callable[..., Signature]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: bytes, statement: Statement = STATED) -> Signature:
        (tmp_path / "model.pt").write_bytes(content)
        return torchscript.read(tmp_path / "model.pt", statement)

    return read


def code(old: str, new: str) -> bytes:
    """The archive with a part of its code changed."""
    before = member(NAME, CODE).decode()
    assert old in before
    return changed(NAME, {CODE: before.replace(old, new).encode()})


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_tensors_come_in_the_order_of_forward(name: str) -> None:
    shuffled = Statement(inputs=(Y, X), outputs=(SUM, H))
    wanted = Signature(inputs=(X, Y), outputs=(H, SUM))
    assert torchscript.read(FILES / name, shuffled) == wanted


def test_inputs_may_have_tritons_own_names(read: Read) -> None:
    first, second = replace(X, name="INPUT__0"), replace(Y, name="INPUT__1")
    found = read((FILES / NAME).read_bytes(), Statement(inputs=(second, first), outputs=(H, SUM)))
    assert found.inputs == (first, second)


@pytest.mark.parametrize(
    "statement", [Statement(), replace(STATED, inputs=None), replace(STATED, outputs=None)]
)
def test_shapes_and_types_must_be_stated(statement: Statement, read: Read) -> None:
    with pytest.raises(Failure, match=r"State them in spec.models\[\].inputs and") as caught:
        read((FILES / NAME).read_bytes(), statement)
    assert caught.value.reason is Reason.TENSORS_UNKNOWN


def tensor(name: str, data_type: str = "FP32") -> Tensor:
    return Tensor(name, data_type, (-1, 4))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"inputs": (X,)}, "forward takes x, y, but the spec states the inputs x"),
        ({"inputs": (X, tensor("z"))}, "forward takes x, y"),
        ({"inputs": (X, tensor("INPUT__1"))}, "forward takes x, y"),
        ({"inputs": (tensor("a__0"), tensor("b__0"))}, "forward takes x, y"),
        ({"inputs": (tensor("a__1"), tensor("b__2"))}, "forward takes x, y"),
        ({"inputs": (X, tensor("y", "BYTES"))}, "torch has no tensors of text"),
        ({"outputs": (H,)}, "gives 2 tensors without names, but the spec states the outputs OUT"),
        ({"outputs": (tensor("a"), tensor("b"))}, "Name them OUTPUT__0, OUTPUT__1"),
        ({"outputs": (H, replace(SUM, name="OUTPUT__2"))}, "gives 2 tensors"),
    ],
)
def test_a_statement_that_forward_contradicts_is_told(
    change: dict[str, tuple[Tensor, ...]], told: str, read: Read
) -> None:
    with pytest.raises(Failure, match=told) as caught:
        read((FILES / NAME).read_bytes(), replace(STATED, **change))
    assert caught.value.reason is Reason.TENSOR_MISMATCH


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("id",)


EVIL = pickle.dumps(Evil(), protocol=2)
UNSAFE = {
    "data.pkl": changed(NAME, {"data.pkl": EVIL}),
    "constants.pkl": changed(NAME, {"constants.pkl": EVIL}),
    "a debug pickle": changed(NAME, {f"{CODE}.debug_pkl": EVIL}),
    "another pickle": changed(NAME, {"extra/more.pkl": EVIL}),
    "reading a file": code("torch.relu(", 'torch.from_file("/run/key", False, 9) + torch.relu('),
    "by another name": code(
        "    shift = self.shift\n", "    t = torch\n    a = t.from_file('/run/key')\n"
    ),
    "over two lines": code(
        "    shift = self.shift\n", "    a = torch.\\\n  from_file('/run/key')\n"
    ),
    "after a comment": code(
        "    shift = self.shift\n", "    a = (torch. # a\n  from_file('/run/key'))\n"
    ),
    "as a value": code("    shift = self.shift\n", "    f = getattr(torch, 'from_file')\n"),
    "writing a file": code("    shift = self.shift\n", "    torch.save(x, '/dev/shm/x')\n"),
}


@pytest.mark.parametrize("content", UNSAFE.values(), ids=UNSAFE.keys())
def test_what_reaches_beyond_the_model_is_refused(content: bytes, read: Read) -> None:
    with pytest.raises(Failure, match=r"never loaded|of the serving pod") as caught:
        read(content)
    assert caught.value.reason is Reason.UNSAFE_CONTENT


INVALID = {
    "no module": (changed(NAME, {"data.pkl": b"\x80\x02N."}), "has no module"),
    "no code": (changed(NAME, {CODE: None}), "has no module"),
    "no data": (changed(NAME, {"data.pkl": None}), "has no module"),
    "no forward": (code("def forward", "def predict"), "no forward"),
    "another class": (code("class Two(", "class One("), "no forward"),
    "a flag": (code("y: Tensor)", "y: bool)"), "forward .* takes y, but only tensors"),
    "maybe": (code("y: Tensor)", "y: Optional[Tensor])"), "forward .* takes y, but only"),
    "a dict": (code("Tuple[Tensor, Tensor]", "Dict[str, Tensor]"), r"returns Dict\[str"),
    "cut off": ((FILES / NAME).read_bytes()[:-30], "cut off"),
    "no zip": (b"PK\x03\x04" + bytes(100), "does not end as"),
}


@pytest.mark.parametrize(("content", "told"), INVALID.values(), ids=INVALID.keys())
def test_what_cannot_be_served_is_explained(content: bytes, told: str, read: Read) -> None:
    with pytest.raises(Failure, match=told) as caught:
        read(content)
    assert caught.value.reason is Reason.MODEL_INVALID
