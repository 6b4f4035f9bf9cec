"""SafeTensors files: weights by name. Their header is read and held against the file.

A file is the length of a JSON header (8 bytes, little-endian), the header, and the numbers
(https://github.com/huggingface/safetensors#format). A header that lies (numbers outside of the
file, two tensors on one place, a shape that does not fit its bytes, two tensors of one name) is
refused, whatever other readers make of it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.formats.archive import invalid

LIMIT_HEADER = 2**20
"""Bytes. The recipes' files have a few hundred."""

_LIMIT_RANK = 8
_METADATA = "__metadata__"
_LENGTH = 8

# What can become FP32 without a loss that matters; BF16 is read as the upper half of an FP32.
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Entry:
    """A tensor of the header: its numbers lie from `start` to `end`, counted behind the header."""

    data_type: str
    shape: tuple[int, ...]
    start: int
    end: int


def header(path: Path) -> dict[str, Entry]:
    """The tensors by name. Raises `Failure` with `ModelInvalid` for what is cut off or lies."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if length > LIMIT_HEADER or _LENGTH + length > size:
            raise invalid(
                f"The safetensors file tells of a header of {length} bytes, which it does not have "
                f"(or more than {LIMIT_HEADER}). It is damaged or cut off: upload it again."
            )
        text = file.read(length)
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _lies("its header is not JSON with each name once") from None
    if not isinstance(found, dict):
        raise _lies("its header is not an object")
    entries = {name: _entry(name, value) for name, value in found.items() if name != _METADATA}
    _require_whole(entries, size=size - _LENGTH - length)
    return entries


def weights(path: Path, *, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The wanted tensors (shapes by name) as FP32. `ModelInvalid` unless it has just these."""
    entries = header(path)
    _require_layers(entries, wanted=wanted)
    begin = path.stat().st_size - max(entry.end for entry in entries.values())
    arrays = {}
    with path.open("rb") as file:
        for name, entry in entries.items():
            file.seek(begin + entry.start)
            data = np.frombuffer(file.read(entry.end - entry.start), _NUMPY[entry.data_type])
            if entry.data_type == "BF16":
                data = (data.astype(np.uint32) << 16).view(np.float32)
            arrays[name] = data.astype(np.float32).reshape(entry.shape)
    return arrays


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("one name twice")
    return found


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _lies(f"{name[:100]} is not described as a tensor")
    shape, offsets = value["shape"], value["data_offsets"]
    if not _is_counts(shape) or not _is_counts(offsets) or len(offsets) != 2:
        raise _lies(f"{name[:100]} has a shape or place that is none")
    data_type = value["dtype"]
    width = _ITEM_BYTES.get(data_type) if isinstance(data_type, str) else None
    if width is None:
        raise invalid(
            f"{name[:100]} in the safetensors file has the type {str(data_type)[:40]}; a recipe's "
            f"weights are {', '.join(_ITEM_BYTES)}."
        )
    start, end = offsets
    if len(shape) > _LIMIT_RANK or end - start != math.prod(shape) * width:
        raise _lies(f"{name[:100]} has another size than its shape")
    return Entry(data_type=data_type, shape=tuple(shape), start=start, end=end)


def _is_counts(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 2**53 for item in value
    )


def _require_whole(entries: Mapping[str, Entry], *, size: int) -> None:
    """The tensors lie one behind the other, from the header to the end of the file."""
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != at:
            raise _lies(f"{name[:100]} does not begin where the tensor before it ends")
        at = entry.end
    if at != size:
        raise _lies(f"its tensors have {at} bytes, and the file {size}")


def _require_layers(entries: Mapping[str, Entry], *, wanted: Mapping[str, tuple[int, ...]]) -> None:
    differences = [
        f"{name} is missing"
        if name not in entries
        else f"{name} has shape {list(found)}, not {list(shape)}"
        for name, shape in wanted.items()
        if (found := entries[name].shape if name in entries else ()) != shape or name not in entries
    ]
    differences += [f"{name[:100]} belongs to no layer" for name in entries if name not in wanted]
    if differences:
        raise invalid(
            f"The weights are not those of the recipe's architecture: {'; '.join(differences[:8])}."
        )


def _lies(what: str) -> Any:
    return invalid(f"The safetensors file is damaged or lies: {what}.")
