"""Model files that torch made (see files/make.py), and what they compute."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Tensor

FILES = Path(__file__).parent / "files"
PROGRAMS = ("program-2.6.pt2", "program-2.15.pt2")
SCRIPTS = ("scripted-2.6.pt", "traced-2.6.pt")

X, Y = Tensor("x", "FP32", (-1, 4)), Tensor("y", "FP32", (-1, 3))
H, SUM = Tensor("OUTPUT__0", "FP32", (-1, 3)), Tensor("OUTPUT__1", "FP32", (-1, 1))
STATED = Statement(inputs=(X, Y), outputs=(H, SUM))


def formula(x: Any, y: Any) -> tuple[Any, Any]:
    """The two outputs of every one of the files."""
    weight = np.arange(12, dtype=np.float32).reshape(3, 4) / 10 - np.float32(0.5)
    h = np.maximum(x @ weight.T + np.array([0.5, -0.5, 0.25], np.float32), 0) + 1
    return h, (h * y).sum(axis=1, keepdims=True)


def changed(name: str, members: Mapping[str, bytes | None]) -> bytes:
    """The archive `name` with members (behind its folder) replaced, added, or left out (None)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(FILES / name) as old, zipfile.ZipFile(buffer, "w") as new:
        tops = {one.partition("/")[0] for one in old.namelist()}
        root = f"{tops.pop()}/" if len(tops) == 1 else ""
        content: dict[str, bytes | None] = {one: old.read(one) for one in old.namelist()}
        content |= {f"{root}{one}": data for one, data in members.items()}
        for one, data in content.items():
            if data is not None:
                new.writestr(one, data)
    return buffer.getvalue()


def member(name: str, inner: str) -> bytes:
    """A member of the archive `name`, by its name behind the archive's folder."""
    with zipfile.ZipFile(FILES / name) as archive:
        found = [one for one in archive.namelist() if one in (inner, f"{Path(name).stem}/{inner}")]
        return archive.read(found[0])
