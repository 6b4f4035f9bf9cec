"""The real inputs and outputs of an ONNX file, read without loading or running the model.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). The
graph's inputs that are initializers too are weights, not inputs. External data is judged wherever a
tensor can stand: it names files of the serving container, and a model could serve their bytes. Only
files that came with the model, in its own folder, may be named.
"""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType

from modelservice_runtime.artifacts import wire
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import ANY, Signature, Tensor

LIMIT_BYTES = 2 * 1024**3
"""Protocol buffers allow no bigger message, so no bigger ONNX file can be loaded."""

_LIMIT_DEPTH = 64
_LIMIT_TENSORS = 64
_LIMIT_RANK = 16
_EXTERNAL = 1
_NOTHING: Mapping[str, int] = MappingProxyType({})
_INPUT, _OUTPUT = 11, 12

TRITON_TYPES = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: "BYTES",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}


class _Kind(Enum):
    MODEL = auto()
    GRAPH = auto()
    NODE = auto()
    ATTRIBUTE = auto()
    TENSOR = auto()
    SPARSE_TENSOR = auto()
    FUNCTION = auto()
    TRAINING = auto()


# Where tensors can stand: message → field number → message.
_CHILDREN = {
    _Kind.MODEL: {7: _Kind.GRAPH, 20: _Kind.TRAINING, 25: _Kind.FUNCTION},
    _Kind.TRAINING: {1: _Kind.GRAPH, 2: _Kind.GRAPH},
    _Kind.FUNCTION: {7: _Kind.NODE, 11: _Kind.ATTRIBUTE},
    _Kind.GRAPH: {1: _Kind.NODE, 5: _Kind.TENSOR, 15: _Kind.SPARSE_TENSOR},
    _Kind.NODE: {5: _Kind.ATTRIBUTE},
    _Kind.ATTRIBUTE: {
        5: _Kind.TENSOR,
        6: _Kind.GRAPH,
        10: _Kind.TENSOR,
        11: _Kind.GRAPH,
        22: _Kind.SPARSE_TENSOR,
        23: _Kind.SPARSE_TENSOR,
    },
    _Kind.SPARSE_TENSOR: {1: _Kind.TENSOR, 2: _Kind.TENSOR},
    _Kind.TENSOR: {},
}


@dataclass(frozen=True)
class OnnxModel:
    """What a file says of itself. `data` are the files beside it that hold weights."""

    signature: Signature
    data: frozenset[str]


def read(path: Path) -> Signature:
    """The signature of an ONNX file that is whole by itself; raises as `inspect` does."""
    return inspect(path).signature


def inspect(path: Path, *, beside: Mapping[str, int] = _NOTHING) -> OnnxModel:
    """Read the signature and the data files of the ONNX file `path`.

    `beside` is what may hold weights: names relative to its folder, with sizes in bytes.
    Raises `Failure` with `ModelInvalid` for what is no ONNX file, is damaged or cannot be served.
    """
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise _invalid(
            f"The ONNX file has {size / 2**30:.1f} GiB; 2 GiB is the most that the format can "
            "hold in one file. Make the model smaller (FP16, quantization)."
        )
    with path.open("rb") as file:
        # Never closed by hand: views of it live on in an error's traceback.
        model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        data: set[str] = set()
        _find_external_data(model, kind=_Kind.MODEL, depth=0, beside=beside, data=data)
        return OnnxModel(signature=_signature(model), data=frozenset(data))
    except wire.MalformedError as error:
        raise _invalid(f"The file is not an ONNX model, or is damaged: {error}.") from None


def _find_external_data(
    message: memoryview, *, kind: _Kind, depth: int, beside: Mapping[str, int], data: set[str]
) -> None:
    if depth > _LIMIT_DEPTH:
        raise wire.MalformedError("graphs are nested too deeply")
    children = _CHILDREN[kind]
    for number, value in wire.fields(message):
        child = children.get(number)
        if child is not None:
            _find_external_data(
                wire.message(value), kind=child, depth=depth + 1, beside=beside, data=data
            )
        elif kind is _Kind.TENSOR and (
            number == 13 or (number == 14 and wire.signed(value) == _EXTERNAL)
        ):
            if not beside:
                raise _invalid(
                    "The ONNX file keeps its weights in other files (external data), which did not "
                    "come with it. Save it as one file: onnx.save(model, path, "
                    "save_as_external_data=False), or pack the folder that holds them all."
                )
            if number == 13:
                entry = wire.message(value)
                _external(_entry(entry), beside=beside, data=data)


def _external(entry: tuple[str, str], *, beside: Mapping[str, int], data: set[str]) -> None:
    key, text = entry
    if key == "location":
        if text not in beside:
            raise _invalid(
                f"The ONNX file keeps weights in {text[:80]!a}, which is not a data file that "
                "came with it in its folder. Data files end with data, .bin or .weights."
            )
        data.add(text)
    elif key in ("offset", "length") and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _invalid(f"The ONNX file states a {key} of external data that is no number.")


def _entry(message: memoryview) -> tuple[str, str]:
    # A field that comes twice is read by each parser as it likes.
    keys, texts = tuple(_texts(message, field=1)), tuple(_texts(message, field=2))
    if len(keys) != 1 or len(texts) != 1:
        raise wire.MalformedError("external data is stated in an unusual way")
    return keys[0], texts[0]


def _signature(model: memoryview) -> Signature:
    graphs = [wire.message(value) for number, value in wire.fields(model) if number == 7]
    if len(graphs) != 1:
        raise wire.MalformedError("it has no graph" if not graphs else "it has several graphs")
    weights: set[str] = set()
    found: dict[int, list[memoryview]] = {_INPUT: [], _OUTPUT: []}
    for number, value in wire.fields(graphs[0]):
        if number == 5:
            weights.update(_texts(wire.message(value), field=8))
        elif number == 15:
            # The name of a sparse tensor is its values' name.
            for values in _messages(wire.message(value), field=1):
                weights.update(_texts(values, field=8))
        elif number in found:
            found[number].append(wire.message(value))
    inputs = [info for info in found[_INPUT] if _name(info) not in weights]
    return Signature(
        inputs=_tensors(inputs, role="input"), outputs=_tensors(found[_OUTPUT], role="output")
    )


def _tensors(infos: list[memoryview], *, role: str) -> tuple[Tensor, ...]:
    if not 1 <= len(infos) <= _LIMIT_TENSORS:
        raise _invalid(
            f"The model has {len(infos)} {role}s; between 1 and {_LIMIT_TENSORS} can be served."
        )
    return tuple(_tensor(info, role=role) for info in infos)


def _tensor(info: memoryview, *, role: str) -> Tensor:
    name = _name(info)
    kinds = _messages(info, field=2)
    tensor_type = next((one for kind in kinds for one in _messages(kind, field=1)), None)
    if tensor_type is None:
        raise _invalid(
            f"The {role} {name} is not a tensor but a sequence, a map or the like, which Triton "
            "does not serve. Export the model with tensors only (scikit-learn: zipmap=False)."
        )
    element, shape = 0, None
    for number, value in wire.fields(tensor_type):
        if number == 1:
            element = wire.signed(value)
        elif number == 2:
            shape = tuple(_lengths(wire.message(value)))
    if element not in TRITON_TYPES:
        raise _invalid(
            f"The {role} {name} has ONNX data type {element}, which Triton does not serve."
        )
    if shape is None or len(shape) > _LIMIT_RANK:
        raise _invalid(
            f"The model does not say the shape of its {role} {name}. Export it with shapes "
            "(onnx.shape_inference.infer_shapes adds them)."
        )
    return Tensor(name=name, data_type=TRITON_TYPES[element], shape=shape)


def _lengths(shape: memoryview) -> Iterator[int]:
    """Yield each axis' length; an axis with a name, or with nothing, may have any."""
    for axis in _messages(shape, field=1):
        stated = [wire.signed(length) for number, length in wire.fields(axis) if number == 1]
        yield stated[0] if stated and stated[0] >= 0 else ANY


def _name(info: memoryview) -> str:
    return next(_texts(info, field=1), "")


def _texts(message: memoryview, *, field: int) -> Iterator[str]:
    return (wire.text(value) for number, value in wire.fields(message) if number == field)


def _messages(message: memoryview, *, field: int) -> Iterator[memoryview]:
    return (wire.message(value) for number, value in wire.fields(message) if number == field)


def _invalid(message: str) -> Failure:
    return Failure(reason=Reason.MODEL_INVALID, message=message)
