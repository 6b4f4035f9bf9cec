"""Exported programs (`torch.export.save`, `.pt2`): checked without torch, run by our executor.

Two layouts are read: that of torch up to 2.7 (the program as JSON beside pickles) and the archive
since (weights as plain bytes). The program is JSON and has the names, types and shapes of the
tensors; pickles may hold tensors only. Compiled code (AOTInductor) is refused: it is machine code.
That is also why Triton's `torch_aoti` platform is not used, which runs nothing else.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import archive as archives
from modelservice_runtime.formats import pickles, program_json
from modelservice_runtime.formats.archive import Archive, invalid
from modelservice_runtime.formats.format import Statement
from modelservice_runtime.tensors import ANY, Signature, Tensor

NOUN = "a PyTorch exported program (.pt2)"
OLD_PROGRAM = "serialized_exported_program.json"

_PROGRAM = "models/model.json"
_LIMIT_TENSORS = 64
_LIMIT_CONFIG = 16 * 2**20

# What torch reads of either layout, and how: the rest is harmless or refused.
_PICKLED = re.compile(
    r"serialized_(state_dict|constants|example_inputs)\.pt"
    r"|data/(weights|constants|sample_inputs)/model\.pt"
)
_CONFIG = re.compile(r"data/(weights/model_weights|constants/model_constants)_config\.json")
_PLAIN = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|extra(_files)?/.*|\.data/\w+"
    r"|archive_format|archive_version|byteorder|version|\.format_version|\.storage_alignment"
    rf"|{re.escape(OLD_PROGRAM)}|{re.escape(_PROGRAM)}"
)
_PAYLOAD = re.compile(r"(weight|tensor)_\d+")

# torch._export.serde.schema.ScalarType
_TYPES = {
    1: "UINT8", 2: "INT8", 3: "INT16", 4: "INT32", 5: "INT64", 6: "FP16", 7: "FP32", 8: "FP64",
    12: "BOOL", 13: "BF16",
}  # fmt: skip

Json = Any


def read(path: Path, statement: Statement) -> Signature:
    """The program's own tensors. Raises `Failure`: `UnsafeContent` or `ModelInvalid`."""
    with archives.opened(path) as archive:
        root = "" if OLD_PROGRAM in archive.names else archive.folder()
        for name in archive.names:
            _require_safe(archive, name=name, inner=name.removeprefix(root))
        program = f"{root}{_PROGRAM}" if root else OLD_PROGRAM
        document = program_json.load(archive.read(program, limit=program_json.LIMIT_BYTES))
    try:
        return _signature(document["graph_module"])
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise invalid("The exported program is not in a layout that is known.") from None


def _require_safe(archive: Archive, *, name: str, inner: str) -> None:
    if _PICKLED.fullmatch(inner):
        _require_tensors(archive.nested(name), name=inner)
    elif _CONFIG.fullmatch(inner):
        _require_plain_payloads(archive.read(name, limit=_LIMIT_CONFIG), name=inner)
    elif not _PLAIN.fullmatch(inner):
        raise Failure(
            reason=Reason.UNSAFE_CONTENT,
            message=f"The exported program brings {inner[:100]}, which is compiled code, or "
            "unknown. Save the program alone, with torch.export.save.",
        )


def _require_tensors(checkpoint: Archive, *, name: str) -> None:
    """A file of torch.save with tensors and no other object in it."""
    root = checkpoint.folder()
    for member in checkpoint.names:
        inner = member.removeprefix(root)
        if inner == "data.pkl":
            content = checkpoint.read(member, limit=pickles.LIMIT_BYTES)
            pickles.require_safe(content, name=f"{name}/{inner}", allowed=pickles.TENSORS)
        elif inner.endswith(".pkl") or inner.startswith("code/"):
            raise Failure(
                reason=Reason.UNSAFE_CONTENT,
                message=f"{name} of the exported program is a TorchScript archive, not tensors.",
            )


def _require_plain_payloads(content: bytes, *, name: str) -> None:
    try:
        payloads = json.loads(content)["config"].values()
        for payload in payloads:
            if payload.get("use_pickle") or not _PAYLOAD.fullmatch(payload["path_name"]):
                raise Failure(
                    reason=Reason.UNSAFE_CONTENT,
                    message=f"{name} of the exported program tells torch to unpickle "
                    f"{str(payload['path_name'])[:100]}. Save it with torch.export.save.",
                )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise invalid(f"{name} of the exported program is damaged.") from None


def _signature(module: Mapping[str, Json]) -> Signature:
    values, signature = module["graph"]["tensor_values"], module["signature"]
    return Signature(
        inputs=_tensors(signature["input_specs"], kind="user_input", values=values),
        outputs=_tensors(signature["output_specs"], kind="user_output", values=values),
    )


def _tensors(
    specs: list[Mapping[str, Json]], *, kind: str, values: Mapping[str, Json]
) -> tuple[Tensor, ...]:
    role = kind.removeprefix("user_")
    names = []
    for spec in specs:
        if kind not in spec:
            continue
        argument = spec[kind]["arg"]
        if "as_tensor" not in argument:
            raise invalid(
                f"An {role} of the exported program is no tensor but {', '.join(argument)[:40]}. "
                "Export a module that takes and returns tensors only."
            )
        names.append(argument["as_tensor"]["name"])
    if not 1 <= len(names) <= _LIMIT_TENSORS or len(set(names)) != len(names):
        raise invalid(
            f"The exported program has {len(names)} {role}s, or two of one name; between 1 and "
            f"{_LIMIT_TENSORS} can be served, each once."
        )
    return tuple(_tensor(name, meta=values[name], role=role) for name in names)


def _tensor(name: str, *, meta: Mapping[str, Json], role: str) -> Tensor:
    data_type = _TYPES.get(meta["dtype"])
    if data_type is None:
        raise invalid(
            f"The {role} {name} has torch's scalar type {meta['dtype']}, which Triton does not "
            "serve."
        )
    shape = tuple(int(size.get("as_int", ANY)) for size in meta["sizes"])
    return Tensor(name=name, data_type=data_type, shape=shape)
