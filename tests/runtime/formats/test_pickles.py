"""Pickles are read and not run; what they may name is a short list."""

import io
import os
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats.pickles import SCRIPT, TENSORS, looks_like, require_safe
from tests.runtime.formats.models import FILES


def pickled(name: str, member: str) -> bytes:
    with zipfile.ZipFile(FILES / name) as archive:
        return archive.read(member)


class Evil:
    """Calls something when it is loaded."""

    def __init__(self, called: Any, *arguments: Any) -> None:
        self.call = (called, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_what_torch_writes_is_let_through() -> None:
    checkpoint = pickled("checkpoint-2.6.pt", "checkpoint-2.6/data.pkl")
    assert require_safe(checkpoint, name="data.pkl", allowed=TENSORS) == ""
    script = pickled("scripted-2.6.pt", "scripted-2.6/data.pkl")
    assert require_safe(script, name="data.pkl", allowed=SCRIPT, own=True) == "__torch__.Two"


EVIL = {
    "os.system": pickle.dumps(Evil(os.system, "id"), protocol=2),
    "deep inside": pickle.dumps({"a": [1, (2, Evil(os.system, "id"))]}, protocol=2),
    "eval": pickle.dumps(Evil(eval, "1"), protocol=2),
    "a class": pickle.dumps(io.BytesIO, protocol=2),
    "by the stack": pickle.dumps(Evil(os.system, "id"), protocol=4),
    "any by the stack": pickle.dumps(OrderedDict(a=1), protocol=4),
    "by INST": b"(S'id'\nios\nsystem\n.",
    "by OBJ": b"(cos\nsystem\nS'id'\no.",
    "by an extension": b"\x80\x02\x82\x01.",
    "by a persistent name": b"Pos.system\n.",
    "a name with a space": b"\x80\x02ccollections OrderedDict\nx\n.",
    "another module of torch": b"\x80\x02ctorch.hub\nload\n.",
    "another function of torch": b"\x80\x02ctorch._utils\n_import_dotted_name\n.",
    "a part of a name": b"\x80\x02ctorch\n_utils._rebuild_tensor_v2\n.",
    "classes of others": b"\x80\x02c__torch__.Two\nforward\n.",
}


@pytest.mark.parametrize("data", EVIL.values(), ids=EVIL.keys())
def test_whatever_could_run_code_is_refused(data: bytes) -> None:
    with pytest.raises(Failure, match=r"data\.pkl is a pickle that .*never loaded") as caught:
        require_safe(data, name="data.pkl", allowed=TENSORS)
    assert caught.value.reason is Reason.UNSAFE_CONTENT


@pytest.mark.parametrize(
    "name",
    [b"__torch_\nX", b"__torch__x\nX", b"__torch__.torch.classes.dist_rpc\nRref", b"posix\nsystem"],
)
def test_own_classes_are_those_of_the_archive_alone(name: bytes) -> None:
    with pytest.raises(Failure, match="never loaded"):
        require_safe(b"\x80\x02c" + name + b"\n.", name="data.pkl", allowed=SCRIPT, own=True)


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02", b"\x80\x02X\xff\xff\xff\x7fab", b"\x80\x02\xff."]
)
def test_damaged_pickles_are_told(data: bytes) -> None:
    with pytest.raises(Failure, match="is damaged") as caught:
        require_safe(data, name="data.pkl", allowed=TENSORS)
    assert caught.value.reason is Reason.MODEL_INVALID


@given(st.binary(max_size=200))
def test_bytes_are_refused_or_name_nothing_else(data: bytes) -> None:
    try:
        require_safe(data, name="data.pkl", allowed=TENSORS)
        named = {one for opcode, one, _ in pickletools.genops(data) if opcode.name == "GLOBAL"}
    except Failure:
        named = set()
    assert named <= TENSORS


@pytest.mark.parametrize(
    ("head", "pickled"),
    [
        (pickle.dumps(print, protocol=0), True),
        (pickle.dumps(Evil(os.system, "id"), protocol=1), True),
        (b"hello.", False),
        (b"class TritonPythonModel:\n", False),
        (b"\x08\x08\x12\x07pytorch", False),
    ],
)
def test_a_pickle_without_magic_bytes_is_known(head: bytes, pickled: bool) -> None:
    assert looks_like(head) is pickled
