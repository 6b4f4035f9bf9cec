"""Stand-ins for the modules that exist only in a Triton image, and the executor loaded on them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.triton import executor_path


class Tensor:
    """pb_utils.Tensor: made from a DLPack capsule, read by DLPack."""

    def __init__(self, name: str, array: Any) -> None:
        self.name = name
        self.array = array

    @classmethod
    def from_dlpack(cls, name: str, capsule: Any) -> "Tensor":
        holder = SimpleNamespace(
            __dlpack__=lambda **options: capsule, __dlpack_device__=lambda: (1, 0)
        )
        return cls(name, np.from_dlpack(holder).copy())

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def pb_utils() -> ModuleType:
    """`triton_python_backend_utils`, as far as the executor uses it."""
    made = ModuleType("triton_python_backend_utils")
    made.Tensor = Tensor  # type: ignore[attr-defined]
    made.TritonError = str  # type: ignore[attr-defined]
    made.InferenceResponse = (  # type: ignore[attr-defined]
        lambda tensors=None, error=None: SimpleNamespace(tensors=tensors, error=error)
    )
    made.get_input_tensor_by_name = (  # type: ignore[attr-defined]
        lambda request, name: request.get(name)
    )
    return made


def executor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The executor's module, loaded anew as Triton loads it."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", pb_utils())
    spec = importlib.util.spec_from_file_location("executor_under_test", executor_path())
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def arguments(folder: Path, *, config: str) -> dict[str, str]:
    """What Triton hands to `initialize` for version 1 of a model."""
    return {"model_config": config, "model_repository": str(folder), "model_version": "1"}
