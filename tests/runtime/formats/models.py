"""Model files that torch made (see files/make.py), and what they compute."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import Tensor
from modelservice_runtime.training.recipes import RECIPES

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


def weights(recipe: str, *, kind: str = "F32") -> bytes:
    """A safetensors file with made-up weights of a recipe, of a fixed seed."""
    generator = np.random.default_rng(0)
    header, data = {}, b""
    for name, shape in RECIPES[recipe].architecture.weights.items():
        numbers = generator.standard_normal(shape).astype(np.float32) / 8
        coded = _CODED[kind](numbers).tobytes()
        places = [len(data), len(data) + len(coded)]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": places}
        data += coded
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


_CODED: dict[str, Callable[[Any], Any]] = {
    "F64": lambda numbers: numbers.astype("<f8"),
    "F32": lambda numbers: numbers.astype("<f4"),
    "F16": lambda numbers: numbers.astype("<f2"),
    "BF16": lambda numbers: (numbers.view(np.uint32) >> 16).astype("<u2"),
}
